// `npm run sim -- --seed N` plays one simulation and tells what happened; `-- --seeds N [--from M]` plays many.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { playSeeds, type Told } from "./play-seeds.ts";
import { Stage } from "./simulate.ts";

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      seeds: { type: "string", default: "1000" },
      from: { type: "string", default: "1" },
    },
  });
  return values.seed === undefined ? playMany(Number(values.seeds), Number(values.from)) : playOne(values.seed);
}

async function playOne(seed: string): Promise<number> {
  const { log, breaches, history } = await new Stage().play(seed, true);
  for (const line of log) console.log(line);
  for (const { id, record, ledger } of history.tasks)
    console.log(id, record.phase, record.lastError?.code ?? "", ledger);
  console.log(breaches.length === 0 ? `seed ${seed}: every invariant holds` : breaches.join("\n"));
  return breaches.length === 0 ? 0 : 1;
}

async function playMany(count: number, from: number): Promise<number> {
  const begun = performance.now();
  const told = await playSeeds(from, count, Math.min(availableParallelism(), 8));
  const bad = told.filter(({ breaches }) => breaches.length > 0).toSorted((a, b) => a.seed - b.seed);
  for (const { seed, breaches } of bad) console.log(`seed ${seed}\n  ${breaches.join("\n  ")}`);
  const sum = (of: (one: Told) => number): number => told.reduce((total, one) => total + of(one), 0);
  const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
  console.log(
    `${told.length} seeds in ${seconds} s: ${sum(({ tasks }) => tasks)} tasks, ${sum(({ succeeded }) => succeeded)} succeeded, ` +
      `${sum(({ takeovers }) => takeovers)} takeovers, ${sum(({ progress }) => progress)} words of progress, ${bad.length} seeds with breaches`,
  );
  return bad.length === 0 && told.length === count ? 0 : 1;
}
