// The jobs that a worker is at work on: each with the means to abort it, and a way to wait for all of them.
import { TransientFailure } from "../contracts/failure.ts";

/** What an aborted job may take to tidy up before the connection is closed under it. */
const ABORTED_GRACE_MS = 2_000;

export interface RunningJob {
  readonly abort: AbortController;
  /** Resolves when it has ended, well or not. */
  readonly done: Promise<unknown>;
}

export async function trackJob(
  running: Map<string, RunningJob>,
  id: string,
  begin: (abort: AbortSignal) => Promise<void>,
): Promise<void> {
  const abort = new AbortController();
  const work = begin(abort.signal);
  running.set(id, { abort, done: Promise.allSettled([work]) });
  try {
    await work;
  } finally {
    running.delete(id);
  }
}

/** Waits for the running jobs up to `timeoutMs`, then aborts them and waits a little more. Answers how many were aborted. */
export async function settleRunning(running: ReadonlyMap<string, RunningJob>, timeoutMs: number): Promise<number> {
  await settledWithin([...running.values()], timeoutMs);
  const left = [...running.values()];
  for (const job of left) {
    job.abort.abort(new TransientFailure("DRAINED", "This runner is shutting down; another one goes on"));
  }
  await settledWithin(left, ABORTED_GRACE_MS);
  return left.length;
}

async function settledWithin(jobs: readonly RunningJob[], ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([Promise.all(jobs.map(({ done }) => done)), late]);
  clearTimeout(timer);
}
