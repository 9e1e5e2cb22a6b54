// Runs the parts of one command side by side: whichever ends first ends the others, and a part's failure is the command's.

export type Part = (signal: AbortSignal) => Promise<unknown>;

export async function runTogether(signal: AbortSignal, parts: readonly Part[]): Promise<void> {
  const ending = new AbortController();
  const together = AbortSignal.any([signal, ending.signal]);
  const running = parts.map((part) => part(together).finally(() => ending.abort("another part of the command ended")));
  const ends = await Promise.allSettled(running);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
