// Says in a pull request's comment that its new head is being planned, where the plan takes its time; and mends what a
// process that died left standing there.
import { setTimeout as wait } from "node:timers/promises";
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import type { Redis } from "../../../store/connect.ts";
import { findPullNote, type PullNote, writePullNote } from "../../../store/pull-notes.ts";
import { isFailure } from "../github/client.ts";
import type { PullRequest } from "../github/pulls.ts";
import type { Github } from "../github.ts";
import { editKnown } from "../sticky-comment.ts";
import { renderClosed, renderPlanning } from "./pull-text.ts";

export interface Announcing {
  readonly redis: Redis;
  readonly env: string;
  readonly github: Pick<Github, "updateComment">;
  /** How long plans may take before anybody is told that they are being made. */
  readonly announceAfterMs: number;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

/**
 * Runs `work` beside a clock: once it strikes, each of the pull requests that `waiting` answers is told, one after the other.
 * The last word is said before this settles, so that it never stands over a plan.
 */
export async function announceWhile<T>(
  announcing: Announcing,
  waiting: () => readonly PullRequest[],
  work: () => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const announced = announceLate({ ...announcing, signal: AbortSignal.any([announcing.signal, stop.signal]) }, waiting);
  try {
    return await work();
  } finally {
    stop.abort();
    await announced;
  }
}

async function announceLate(announcing: Announcing, waiting: () => readonly PullRequest[]): Promise<void> {
  const { announceAfterMs: ms, signal } = announcing;
  const told = new Set<number>();
  await wait(ms, undefined, { signal }).catch(() => undefined);
  while (!signal.aborted) {
    const next = waiting().find(({ number }) => !told.has(number));
    if (next === undefined) return;
    told.add(next.number);
    await announce(announcing, next);
  }
}

/** Nothing where there is no comment yet, or where it says so already. */
async function announce(announcing: Announcing, { number, headSha }: PullRequest): Promise<void> {
  const { redis, env, github, now } = announcing;
  await unlessGithubFails(async () => {
    const note = await findPullNote(redis, env, number);
    if (note?.comment == null || note.planning === headSha || note.shown?.head === headSha) return;
    // Noted first: whoever looks after a process that died in between mends it.
    await writePullNote(redis, env, number, { ...note, planning: headSha, at: now().toISOString() });
    await editKnown(github, note.comment.id, renderPlanning({ env, head: headSha, earlier: note.shown }));
  });
}

/** A pull request that was closed while its comment said that it was being planned. */
export async function mendClosed(
  { redis, env, github, now }: Omit<Announcing, "announceAfterMs" | "signal">,
  number: number,
  note: PullNote,
): Promise<void> {
  const { comment, planning, shown } = note;
  if (comment === null || planning === null) return;
  try {
    await editKnown(github, comment.id, renderClosed({ env, head: planning, earlier: shown }));
  } catch (error) {
    // A conversation that was locked stays as it is, and keeps nothing else back.
    if (!isFailure(error, "GITHUB_FORBIDDEN")) throw error;
  }
  await writePullNote(redis, env, number, { ...note, planning: null, at: now().toISOString() });
}

/** It is a courtesy: what keeps it back will be told by the plan's own post. */
async function unlessGithubFails(tell: () => Promise<void>): Promise<void> {
  try {
    await tell();
  } catch (error) {
    if (!(error instanceof PermanentFailure || error instanceof TransientFailure)) throw error;
  }
}
