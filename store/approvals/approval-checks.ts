// Which approval has a check on GitHub: noted before the check is made, so that one is looked for, and not made twice, whoever
// died in between. Of tasks that have not ended; the check itself outlives its note.
import { PermanentFailure } from "../../contracts/failure.ts";
import { ask } from "../ask.ts";
import type { Redis } from "../connect.ts";
import { githubKeys } from "../github-keys.ts";
import { corrupt, jsonOf, listOf, numberOf, objectOf, textOf } from "../reply.ts";

export interface ApprovalCheck {
  readonly namespace: string;
  readonly task: string;
  /** Of the approval. */
  readonly id: string;
  /** none: it gets no check · open: it stands there, or is about to · told: it is concluded. */
  readonly state: "none" | "open" | "told";
  readonly commit: string;
  /** What GitHub keeps of it, bound to all that is asked. */
  readonly key: string;
  /** null: it may be there, and nobody knows its number. */
  readonly checkRun: number | null;
  /** Presses of its buttons that were refused, the last ones. */
  readonly refused: readonly RefusedPress[];
}

export interface RefusedPress {
  /** An identity, such as `github:ada`. */
  readonly by: string;
  readonly text: string;
  readonly message: string;
}

type Named = Pick<ApprovalCheck, "namespace" | "task" | "id">;

export function approvalCheckField({ namespace, task, id }: Named): string {
  return `${namespace}/${task}.${id}`;
}

/** One that cannot be read is left out; its field is taken, so that no second check is made. */
export async function readApprovalChecks(redis: Redis, env: string): Promise<ReadonlyMap<string, ApprovalCheck>> {
  const found = await ask(redis, () => redis.hgetall(githubKeys(env).approvalChecks));
  return new Map(Object.entries(found).flatMap(([field, text]) => parseCheck(field, text)));
}

/** True the first time: whoever is told false leaves the check to somebody else. */
export async function claimApprovalCheck(redis: Redis, env: string, check: ApprovalCheck): Promise<boolean> {
  const { approvalChecks } = githubKeys(env);
  return (await ask(redis, () => redis.hsetnx(approvalChecks, approvalCheckField(check), JSON.stringify(check)))) === 1;
}

export async function writeApprovalCheck(redis: Redis, env: string, check: ApprovalCheck): Promise<void> {
  const { approvalChecks } = githubKeys(env);
  await ask(redis, () => redis.hset(approvalChecks, approvalCheckField(check), JSON.stringify(check)));
}

export async function dropApprovalChecks(redis: Redis, env: string, checks: readonly Named[]): Promise<void> {
  if (checks.length === 0) return;
  await ask(redis, () => redis.hdel(githubKeys(env).approvalChecks, ...checks.map(approvalCheckField)));
}

function parseCheck(field: string, text: string): (readonly [string, ApprovalCheck])[] {
  const what = "the note of an approval's check";
  try {
    const { namespace, task, id, state, commit, key, checkRun, refused } = objectOf(what, jsonOf(what, text));
    if (state !== "none" && state !== "open" && state !== "told") throw corrupt(what, "it has no state");
    const check: ApprovalCheck = {
      namespace: textOf(what, namespace),
      task: textOf(what, task),
      id: textOf(what, id),
      state,
      commit: textOf(what, commit),
      key: textOf(what, key),
      checkRun: checkRun === null ? null : numberOf(what, checkRun),
      refused: listOf(what, refused).map((press) => parsePress(what, press)),
    };
    return approvalCheckField(check) === field ? [[field, check]] : [];
  } catch (error) {
    if (error instanceof PermanentFailure) return [];
    throw error;
  }
}

function parsePress(what: string, value: unknown): RefusedPress {
  const { by, text, message } = objectOf(what, value);
  return { by: textOf(what, by), text: textOf(what, text), message: textOf(what, message) };
}
