// What every benchmark shares: a figure, how it is printed, and the median over several runs.

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  /** How often it was measured; `value` is the median. */
  readonly runs: number;
  readonly note?: string;
}

/** One JSON line a figure: what bench/run.ts collects into RESULTS.md. */
export function printFigure(figure: Figure): void {
  process.stdout.write(`${JSON.stringify(figure)}\n`);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** Milliseconds of each run, after one that is not counted. */
export async function timeRuns(runs: number, body: () => Promise<void> | void): Promise<number[]> {
  await body();
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const start = performance.now();
    await body();
    times.push(performance.now() - start);
  }
  return times;
}
