// Plans of 10,000 manifests: cold in a fresh process, with one changed in a fresh process, and in a running reconciler.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openSource, type SourceTools } from "../reconciler/environment-source.ts";
import { createLoader } from "../reconciler/load/load-files.ts";
import { makePlan } from "../reconciler/plan/make-plan.ts";
import { observedFromSource } from "../reconciler/plan/observed-from-source.ts";
import { type BigRepository, makeBigRepository } from "./big-repository.ts";
import { median, printFigure } from "./measure.ts";

const MANIFESTS = 10_000;
const RUNS = 3;
const root = join(import.meta.dirname, "..");

execFileSync("npm", ["run", "-s", "build"], { cwd: root, stdio: "ignore" });
const repository = makeBigRepository(MANIFESTS);
try {
  await freshProcesses(repository);
  await runningReconciler(repository);
} finally {
  await countwheel(repository, "down");
  repository.remove();
}

async function freshProcesses(repo: BigRepository): Promise<void> {
  const words = ["plan", "--repo", repo.folder, "--ref", "main", "--path", "agents", "-o", "json"];
  await countwheel(repo, "get", "agents");
  const cold = await several(() => countwheel(repo, ...words));
  report("cold plan of 10,000 manifests, fresh process", cold);
  await countwheel(repo, "apply", "--repo", repo.folder, "--ref", "main", "--path", "agents", "--yes");
  repo.changeOne("changed once");
  const one = await several(() => countwheel(repo, ...words));
  report("plan with one of 10,000 changed, fresh process", one);
}

/** What a tick does after the fetch: read the commit, load, plan. Files that did not change come from the cache. */
async function runningReconciler(repo: BigRepository): Promise<void> {
  const tools: SourceTools = {
    git: { path: process.env["PATH"] ?? "" },
    mirrorFolder: join(repo.home, "mirrors"),
    loader: createLoader(),
    onProblem: () => undefined,
  };
  const source = openSource({ kind: "commit", repo: repo.folder, ref: "main", path: "agents" }, tools);
  const signal = new AbortController().signal;
  const first = await source.read(signal);
  if (first.status !== "ok") throw new Error("the benchmark's repository cannot be read");
  const observed = observedFromSource(first);
  const times: number[] = [];
  for (let run = 0; run < RUNS + 2; run += 1) {
    repo.changeOne(`run ${run}`);
    const start = performance.now();
    const answer = await source.read(signal);
    if (answer.status === "unavailable") throw new Error(answer.reason.message);
    const plan = makePlan({
      source: answer,
      history: "fast-forward",
      observed,
      env: "default",
      now: new Date(),
      planId: `bench-${run}`,
      tool: { name: "bench", version: "0" },
    });
    if (plan.counts.update !== 1) throw new Error(`one change was expected, not ${plan.counts.update}`);
    times.push(performance.now() - start);
  }
  printFigure({
    name: "plan with one of 10,000 changed, running reconciler",
    unit: "ms",
    value: median(times),
    runs: times.length,
  });
}

interface Whole {
  readonly ms: number;
  readonly peakMiB: number;
}

function report(name: string, wholes: readonly Whole[]): void {
  const peakMiB = Math.max(...wholes.map((whole) => whole.peakMiB));
  const note = `peak memory ${Math.round(peakMiB)} MiB`;
  printFigure({ name, unit: "ms", value: median(wholes.map((whole) => whole.ms)), runs: wholes.length, note });
}

async function several(body: () => Promise<Whole>): Promise<Whole[]> {
  const wholes: Whole[] = [];
  for (let run = 0; run < RUNS; run += 1) wholes.push(await body());
  return wholes;
}

/** A whole process; its peak memory is read from the kernel while it runs. */
async function countwheel(repo: BigRepository, ...words: readonly string[]): Promise<Whole> {
  const start = performance.now();
  const child = spawn(process.execPath, [join(root, "dist/cli/main.js"), ...words], {
    env: { ...process.env, COUNTWHEEL_HOME: repo.home, COUNTWHEEL_REDIS_URL: "", REDIS_URL: "" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  let peakMiB = 0;
  const look = setInterval(() => {
    peakMiB = Math.max(peakMiB, readPeak(child.pid));
  }, 25);
  const [code] = await once(child, "close");
  clearInterval(look);
  if (code !== 0) throw new Error(`countwheel ${words[0]} ended with ${code}`);
  return { ms: performance.now() - start, peakMiB };
}

function readPeak(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024;
  } catch {
    // The process has ended, or this is no Linux.
    return 0;
  }
}
