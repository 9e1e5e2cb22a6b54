// What pull requests were shown: so that a comment is edited without a search, and that what a person saw can be told.
// Remembered, never believed: a note that is gone or cannot be read costs a request more.
import { PermanentFailure } from "../contracts/failure.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { githubKeys } from "./github-keys.ts";
import { corrupt, jsonOf, listOf, numberOf, objectOf, textOf } from "./reply.ts";

/** Of one pull request; `at` is when it was written. */
export interface PullNote {
  /** Our comment there; null: there was none yet. */
  readonly comment: { readonly id: number; readonly author: string } | null;
  readonly shown: ShownPlan | null;
  /** The last commands that were said there, and what became of them. */
  readonly commands: readonly NotedCommand[];
  /** The head that the comment says is being planned; null: it shows a plan, or the record of an apply. */
  readonly planning: string | null;
  readonly at: string;
}

/** The plan that the comment shows, or showed last. */
export interface ShownPlan {
  readonly head: string;
  readonly digest: string;
  readonly serial: number;
  readonly lineage: string;
  /** The prunes that wait for a person, and their digest; null: none does. */
  readonly confirm: { readonly prunes: number; readonly digest: string } | null;
  /** How many there are, and their digest (see changesDigest); null: an earlier version showed it. */
  readonly changes: { readonly count: number; readonly digest: string } | null;
  /** Since when it stands there, by GitHub's clock. */
  readonly since: string;
  readonly checkUrl: string | null;
}

export interface NotedCommand {
  readonly comment: number;
  readonly by: string;
  readonly text: string;
  readonly outcome: "done" | "refused" | "confused";
  readonly message: string;
}

export async function readPullNotes(redis: Redis, env: string): Promise<ReadonlyMap<number, PullNote>> {
  const found = await ask(redis, () => redis.hgetall(githubKeys(env).pulls));
  return new Map(
    Object.entries(found).flatMap(([number, text]) => {
      const note = parseNote(text);
      return note === undefined ? [] : [[Number(number), note] as const];
    }),
  );
}

export async function findPullNote(redis: Redis, env: string, pull: number): Promise<PullNote | undefined> {
  const text = await ask(redis, () => redis.hget(githubKeys(env).pulls, String(pull)));
  return text === null ? undefined : parseNote(text);
}

export async function writePullNote(redis: Redis, env: string, pull: number, note: PullNote): Promise<void> {
  await ask(redis, () => redis.hset(githubKeys(env).pulls, String(pull), JSON.stringify(note)));
}

export async function dropPullNotes(redis: Redis, env: string, pulls: readonly number[]): Promise<void> {
  if (pulls.length === 0) return;
  await ask(redis, () => redis.hdel(githubKeys(env).pulls, ...pulls.map(String)));
}

/** The oldest are forgotten; a branch that is set back to one of them gets a look-up less and, at worst, a check more. */
const HEADS_KEPT = 10_000;

/** Before a check is put on a head: true the first time. Whoever dies after this is told false, and looks. */
export async function claimHead(redis: Redis, env: string, head: string, nowMs: number): Promise<boolean> {
  const { checkedHeads } = githubKeys(env);
  const added = await ask(redis, () => redis.zadd(checkedHeads, "NX", nowMs, head));
  if (added === 0) return false;
  await ask(redis, () => redis.zremrangebyrank(checkedHeads, 0, -HEADS_KEPT - 1));
  return true;
}

function parseNote(text: string): PullNote | undefined {
  const what = "the note of a pull request";
  try {
    const { comment, shown, commands, planning, at } = objectOf(what, jsonOf(what, text));
    return {
      comment: comment === null ? null : parseComment(what, comment),
      shown: shown === null ? null : parseShown(what, shown),
      commands: listOf(what, commands).map((command) => parseCommand(what, command)),
      planning: planning === null ? null : textOf(what, planning),
      at: textOf(what, at),
    };
  } catch (error) {
    if (error instanceof PermanentFailure) return undefined;
    throw error;
  }
}

function parseComment(what: string, value: unknown): NonNullable<PullNote["comment"]> {
  const { id, author } = objectOf(what, value);
  return { id: numberOf(what, id), author: textOf(what, author) };
}

function parseShown(what: string, value: unknown): ShownPlan {
  const { head, digest, serial, lineage, confirm, changes = null, since, checkUrl } = objectOf(what, value);
  return {
    lineage: textOf(what, lineage),
    confirm: confirm === null ? null : parseConfirm(what, confirm),
    changes: changes === null ? null : parseChanges(what, changes),
    since: textOf(what, since),
    head: textOf(what, head),
    digest: textOf(what, digest),
    serial: numberOf(what, serial),
    checkUrl: checkUrl === null ? null : textOf(what, checkUrl),
  };
}

function parseChanges(what: string, value: unknown): NonNullable<ShownPlan["changes"]> {
  const { count, digest } = objectOf(what, value);
  return { count: numberOf(what, count), digest: textOf(what, digest) };
}

function parseConfirm(what: string, value: unknown): NonNullable<ShownPlan["confirm"]> {
  const { prunes, digest } = objectOf(what, value);
  return { prunes: numberOf(what, prunes), digest: textOf(what, digest) };
}

function parseCommand(what: string, value: unknown): NotedCommand {
  const { comment, by, text, outcome, message } = objectOf(what, value);
  if (outcome !== "done" && outcome !== "refused" && outcome !== "confused")
    throw corrupt(what, "a command has no end");
  return {
    comment: numberOf(what, comment),
    by: textOf(what, by),
    text: textOf(what, text),
    outcome,
    message: textOf(what, message),
  };
}
