// How plans grow with the set: 100, 1,000, 10,000 and 100,000 manifests. Cold and with one changed in fresh processes; with
// one changed, and with nothing changed, as ticks of a running reconciler against a real Redis.
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { processLineageMemory } from "../reconciler/apply/lineage-memory.ts";
import { ComparisonMemory } from "../reconciler/drift/comparison-memory.ts";
import { openSource } from "../reconciler/environment-source.ts";
import { createLoader } from "../reconciler/load/load-files.ts";
import { PlanMemory } from "../reconciler/plan/plan-memory.ts";
import { type TickOptions, tick } from "../reconciler/tick.ts";
import { closeRedis, connectRedis } from "../store/connect.ts";
import { ensureEmbedded } from "../store/embedded/embedded.ts";
import { openQueue } from "../store/queue.ts";
import { StateMemory } from "../store/state-memory.ts";
import { type BigRepository, makeBigRepository } from "./big-repository.ts";
import { median, printFigure } from "./measure.ts";
import { countwheel, type Whole } from "./whole-process.ts";

const SIZES: readonly { readonly size: number; readonly runs: number }[] = [
  { size: 100, runs: 3 },
  { size: 1_000, runs: 3 },
  { size: 10_000, runs: 3 },
  { size: 100_000, runs: 1 },
];
const TICKS = 7;
const ENV = "default";

execFileSync("npm", ["run", "-s", "build"], { cwd: join(import.meta.dirname, ".."), stdio: "ignore" });
for (const { size, runs } of SIZES) {
  const repository = makeBigRepository(size);
  try {
    await freshProcesses(repository, size, runs);
    await runningReconciler(repository, size);
  } finally {
    await countwheel(repository.home, "down");
    repository.remove();
  }
}

async function freshProcesses({ folder, home, changeOne }: BigRepository, size: number, runs: number): Promise<void> {
  const source = ["--repo", folder, "--ref", "main", "--path", "agents"];
  // The server is up before anything is measured.
  await countwheel(home, "get", "agents");
  const cold: Whole[] = [];
  for (let run = 0; run < runs; run += 1) {
    rmSync(join(home, "parsed"), { recursive: true, force: true });
    cold.push(await countwheel(home, "plan", ...source, "-o", "json"));
  }
  report(`cold plan of ${shown(size)}, fresh process`, cold);
  report(`first apply of ${shown(size)}, fresh process`, [await countwheel(home, "apply", ...source, "--yes")]);
  changeOne("changed once");
  const one: Whole[] = [];
  for (let run = 0; run < runs; run += 1) one.push(await countwheel(home, "plan", ...source, "-o", "json"));
  report(`plan with one of ${shown(size)} changed, fresh process`, one);
}

/** Ticks that plan and write nothing, from the look at the ref to the plan. */
async function runningReconciler({ folder, home, changeOne }: BigRepository, size: number): Promise<void> {
  const path = process.env["PATH"] ?? "";
  const { url } = await ensureEmbedded({ home, path, userHome: process.env["HOME"], say: () => undefined });
  const redis = connectRedis(url, "command");
  const queue = openQueue(redis, ENV);
  const { signal } = new AbortController();
  const now = (): Date => new Date();
  const tools = {
    git: { path },
    mirrorFolder: join(home, "mirrors"),
    loader: createLoader({ cacheFolder: join(home, "parsed") }),
    onProblem: () => undefined,
  };
  const source = openSource({ kind: "commit", repo: folder, ref: "main", path: "agents" }, tools);
  const options: TickOptions = {
    source,
    writer: {
      redis,
      queue,
      env: ENV,
      now,
      holder: "bench",
      lockWaitMs: 0,
      newLineage: randomUUID,
      lineages: processLineageMemory(),
      signal,
      reports: false,
    },
    tool: { name: "bench", version: "0" },
    newId: randomUUID,
    allowHistory: [],
    dryRun: true,
    state: new StateMemory(redis, ENV, now),
    plans: new PlanMemory(),
    comparison: new ComparisonMemory(redis, ENV),
    onPlan: () => undefined,
    signal,
  };
  try {
    await tickOnce(options, 1);
    const changed: number[] = [];
    const unchanged: number[] = [];
    const looks: number[] = [];
    for (let run = 0; run < TICKS; run += 1) {
      changeOne(`run ${run}`);
      changed.push(await tickOnce(options, 1));
      unchanged.push(await tickOnce(options, 1));
      looks.push(await timed(() => source.lookUp(signal)));
    }
    const note = `of it the look at the ref ${median(looks).toFixed(1)} ms`;
    printFigure({
      name: `tick with one of ${shown(size)} changed`,
      unit: "ms",
      value: median(changed),
      runs: TICKS,
      note,
    });
    printFigure({ name: `tick on ${shown(size)} unchanged`, unit: "ms", value: median(unchanged), runs: TICKS, note });
  } finally {
    await queue.close();
    await closeRedis(redis);
  }
}

async function tickOnce(options: TickOptions, updates: number): Promise<number> {
  return timed(async () => {
    const result = await tick(options);
    const found = "plan" in result ? result.plan.counts.update : 0;
    if (found !== updates) throw new Error(`the tick was ${result.outcome} with ${found} updates`);
  });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function shown(size: number): string {
  return size.toLocaleString("en-US");
}

function report(name: string, wholes: readonly Whole[]): void {
  const peakMiB = Math.max(...wholes.map((whole) => whole.peakMiB));
  const note = `peak memory ${Math.round(peakMiB)} MiB`;
  printFigure({ name, unit: "ms", value: median(wholes.map((whole) => whole.ms)), runs: wholes.length, note });
}
