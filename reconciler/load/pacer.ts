// Gives the event loop its turn during long work: leases are renewed and requests answered while a large set is read.
import { setImmediate } from "node:timers/promises";

const SLICE_MS = 10;

/** Call it between small pieces of work; it waits only once its slice of time is used up. */
export type Pacer = () => Promise<void> | undefined;

export function createPacer(): Pacer {
  let since = performance.now();
  const pause = async (): Promise<void> => {
    await setImmediate();
    since = performance.now();
  };
  return () => (performance.now() - since < SLICE_MS ? undefined : pause());
}

/** Runs stepwise work to its end, pausing between steps. */
export async function runPaced<T>(work: Generator<void, T>, pace: Pacer): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    await pace();
  }
}

/** The same without pausing, for one small file. */
export function runAtOnce<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
