// Waits that end with their signal: the signal's own reason is thrown, at once, whatever is waited for.
import { setTimeout as wait } from "node:timers/promises";

/** Begins nothing where the signal is aborted already. What the work comes to after an abort is dropped. */
export function unlessAborted<T>(begin: () => Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener("abort", stop, { once: true });
    const settle =
      <V>(end: (value: V) => void) =>
      (value: V): void => {
        signal.removeEventListener("abort", stop);
        end(value);
      };
    begin().then(settle(resolve), settle(reject));
  });
}

export async function waitUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  // The rejection of an aborted wait carries no reason of ours; the next line throws the one that the signal has.
  await wait(ms, undefined, { signal }).catch(() => undefined);
  signal.throwIfAborted();
}
