// Tasks of three agents, each with two model turns and one tool call, model and tool answering at once: tasks per second on
// two runners, beside three empty BullMQ jobs a task on the same server; the memory of runners and of Redis; and the same
// with `appendfsync always`. `npm run bench -- tasks 1000` makes a thousand of them instead of ten thousand.
import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { environmentKeys, taskKeys } from "../store/keys.ts";
import { agent, manifest, mockModel, openWorld, type RunnerChild, system, type World } from "../test/runner/world.ts";
import type { TaskRef } from "../contracts/task.ts";
import { measureBareJobs } from "./bare-jobs.ts";
import { processCpuMs, redisCpuMs, sum } from "./cpu.ts";
import { printFigure } from "./measure.ts";
import { withPrivateRedis } from "./private-redis.ts";

const COUNT = Number(process.argv[2] ?? 10_000);
const FSYNC_COUNT = Math.ceil(COUNT / 10);
const RUNNERS = 2;
const CONCURRENCY = 8;
const LOOK_MS = 100;
const AGENTS = ["a", "b", "c"];

const script = [
  { turn: 1, say: "I look it up.", call: [{ tool: "lookup", arguments: { key: "topic" } }] },
  { turn: 2, say: "It is done." },
];
const line = [
  ...AGENTS.map((name) => agent(name, { tools: ["lookup"] })),
  manifest("Tool", "lookup", { type: process.env["BENCH_TOOL"] ?? "external", effect: "read", endpoint: "http://127.0.0.1:9" }),
  system("line", AGENTS),
  mockModel("mock", script),
];

await withPrivateRedis(async (url) => {
  await measureThroughput(url);
});

async function measureThroughput(url: string): Promise<void> {
  const bare = await measureBareJobs({ url, jobs: 3 * COUNT, workers: RUNNERS, concurrency: CONCURRENCY });
  const ours = await runTasks(url, COUNT);
  const note = `${COUNT} tasks of three agents, each two turns and one tool call; ${RUNNERS} runners of ${CONCURRENCY}`;
  printFigure({ name: "tasks of three agents", unit: "tasks/s", value: ours.perSecond, runs: 1, note });
  printFigure({ name: "bare BullMQ, three empty jobs a task", unit: "tasks/s", value: bare.perSecond / 3, runs: 1, note: "same run" });
  printFigure({ name: "tasks ÷ bare BullMQ", unit: "×", value: (ours.perSecond * 3) / bare.perSecond, runs: 1 });
  console.error(ours, bare, "cpu ratio", bare.cpuMsPerJob * 3 / (ours.runnerCpuMs + ours.redisCpuMs));
}

interface TasksRun {
  readonly perSecond: number;
  readonly redisBytesPerTask: number;
  readonly rss: readonly number[];
  readonly runnerCpuMs: number;
  readonly redisCpuMs: number;
}

/** The tasks are there before the runners, as the jobs are before the workers. */
async function runTasks(url: string, count: number): Promise<TasksRun> {
  const world = openWorld(url);
  await world.apply(line);
  const before = await usedMemory(world);
  const refs: TaskRef[] = [];
  for (let index = 0; index < count; index += 1) refs.push(await world.start(line, "line"));
  if (process.env["STATS"]) await world.redis.config("RESETSTAT");
  const runners = await Promise.all(
    Array.from({ length: RUNNERS }, (_, index) =>
      world.child(`runner-${index + 1}`, { leaseMs: 5_000, concurrency: CONCURRENCY }),
    ),
  );
  const cpuBefore = [sum(runners.map(({ process: { pid } }) => processCpuMs(pid))), await redisCpuMs(world.redis)];
  const rss = await allEnded(world, runners, count);
  const runnerCpuMs = (sum(runners.map(({ process: { pid } }) => processCpuMs(pid))) - cpuBefore[0]!) / count;
  const redisCpu = (await redisCpuMs(world.redis) - cpuBefore[1]!) / count;
  if (process.env["STATS"]) console.error(await world.redis.info("commandstats"), await world.redis.info("cpu"));
  const [begin, end] = await span(world, refs);
  const redisBytesPerTask = ((await usedMemory(world)) - before) / count;
  await world.close();
  return { perSecond: (count * 1_000) / (end - begin), redisBytesPerTask, rss, runnerCpuMs, redisCpuMs: redisCpu };
}

/** Counts, which costs Redis next to nothing: a benchmark that asks all the time measures its questions. */
async function allEnded(world: World, runners: readonly RunnerChild[], count: number): Promise<readonly number[]> {
  const rss: number[] = [];
  const { live } = environmentKeys(world.env);
  for (let left = count; left > 0; left = await world.redis.zcard(live)) {
    if (left < count * (1 - (rss.length + 1) / 5)) rss.push(Math.max(...runners.map(({ process: { pid } }) => readRss(pid))));
    await wait(LOOK_MS);
  }
  return [...rss, Math.max(...runners.map(({ process: { pid } }) => readRss(pid)))];
}

async function span(world: World, refs: readonly TaskRef[]): Promise<readonly [beginMs: number, endMs: number]> {
  let [begin, end] = [Infinity, 0];
  for (const ref of refs) {
    const [started, finished, phase] = await world.redis.hmget(taskKeys(ref).task, "startedAtMs", "finishedAtMs", "phase");
    if (phase !== "Succeeded") throw new Error(`${ref.name} is ${phase}`);
    begin = Math.min(begin, Number(started));
    end = Math.max(end, Number(finished));
  }
  return [begin, end];
}

async function usedMemory({ redis }: World): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1] ?? 0);
}

/** MiB; 0 where the system does not tell. */
function readRss(pid: number | undefined): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}
