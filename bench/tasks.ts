// Tasks of three agents, each with two model turns and one tool call, model and tool answering at once: tasks per second on
// two runners, beside three empty BullMQ jobs a task on the same server, independent and one after another; the memory of runners and of Redis; and the same
// with `appendfsync always`. `npm run bench -- tasks 1000` makes a thousand of them instead of ten thousand.
import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import type { TaskRef } from "../contracts/task.ts";
import { environmentKeys, taskKeys } from "../store/keys.ts";
import { Retention } from "../store/retention.ts";
import { openWorld, type RunnerChild, type World } from "../test/runner/world.ts";
import { type BareFigures, measureBareJobs } from "./bare-jobs.ts";
import { withBuiltChild } from "./built-child.ts";
import { processCpuMs, redisCpuMs, sum } from "./cpu.ts";
import { printFigure } from "./measure.ts";
import { withPrivateRedis } from "./private-redis.ts";
import { AGENTS, lineOf, MOCK } from "./three-agents.ts";

const COUNT = Number(process.argv[2] ?? 10_000);
const FSYNC_COUNT = Math.ceil(COUNT / 5);
const RUNNERS = 2;
const CONCURRENCY = 8;
const LOOK_MS = 100;
/** How often the memory of the runners is looked at, besides at the end. */
const MARKS = 4;
const line = lineOf(MOCK);

await withBuiltChild(async (program) => {
  await withPrivateRedis(async (url) => {
    await measureBoth(url, program, COUNT, "");
  });
  await withPrivateRedis(async (url) => {
    const world = openWorld(url);
    await world.redis.config("SET", "appendonly", "yes");
    await world.redis.config("SET", "appendfsync", "always");
    await world.close();
    await measureBoth(url, program, FSYNC_COUNT, ", appendfsync always");
  });
});

async function measureBoth(url: string, program: readonly string[], count: number, how: string): Promise<void> {
  const work = { url, tasks: count, jobs: AGENTS.length, workers: RUNNERS, concurrency: CONCURRENCY };
  const bare = await measureBareJobs({ ...work, chained: false });
  const chained = await measureBareJobs({ ...work, chained: true });
  const ours = await runTasks(url, program, count);
  const what = `${count} tasks of three agents, each two turns and one tool call; ${RUNNERS} runners of ${CONCURRENCY}`;
  const cpu = `CPU a task: runners ${ours.runnerCpuMs.toFixed(2)} ms, Redis ${ours.redisCpuMs.toFixed(2)} ms`;
  const bareNote = ({ cpuMsPerTask }: BareFigures): string =>
    `same run; CPU a task ${cpuMsPerTask.toFixed(2)} ms with the start of the workers`;
  const memory = `runners' memory over the run: ${ours.rssMiB.map((mib) => Math.round(mib)).join(", ")} MiB`;
  const figure = { runs: 1, unit: "tasks/s" };
  printFigure({ ...figure, name: `tasks of three agents${how}`, value: ours.perSecond, note: `${what}; ${cpu}` });
  printFigure({
    ...figure,
    name: `bare BullMQ, three empty jobs a task${how}`,
    value: bare.perSecond,
    note: bareNote(bare),
  });
  printFigure({
    ...figure,
    name: `bare BullMQ, three empty jobs a task, each adding the next${how}`,
    value: chained.perSecond,
    note: bareNote(chained),
  });
  const ratio = { unit: "×", runs: 1, note: memory };
  printFigure({ ...ratio, name: `tasks ÷ bare BullMQ${how}`, value: ours.perSecond / bare.perSecond });
  const behind = "of which each job adds the next, as each agent starts the next";
  const value = ours.perSecond / chained.perSecond;
  printFigure({ ...ratio, name: `tasks ÷ bare BullMQ, one job after another${how}`, value, note: behind });
  if (how !== "") return;
  printFigure({ name: "Redis bytes of an ended task", unit: "bytes", value: ours.redisBytesPerTask, runs: 1 });
  const dropped = "what the chained audit list keeps of it";
  const left = ours.redisBytesPerDropped;
  printFigure({
    name: "Redis bytes of a task that retention dropped",
    unit: "bytes",
    value: left,
    runs: 1,
    note: dropped,
  });
}

interface TasksRun {
  readonly perSecond: number;
  readonly redisBytesPerTask: number;
  readonly redisBytesPerDropped: number;
  /** The larger runner's, as more and more tasks have ended. */
  readonly rssMiB: readonly number[];
  readonly runnerCpuMs: number;
  readonly redisCpuMs: number;
}

/** The tasks are there before the runners, as the jobs are before the workers. */
async function runTasks(url: string, program: readonly string[], count: number): Promise<TasksRun> {
  const world = openWorld(url);
  await world.apply(line);
  const before = await usedMemory(world);
  const refs: TaskRef[] = [];
  for (let index = 0; index < count; index += 1) refs.push(await world.start(line, "line"));
  const redisBefore = await redisCpuMs(world.redis);
  const ids = Array.from({ length: RUNNERS }, (_, index) => `runner-${index + 1}`);
  const settings = { leaseMs: 5_000, concurrency: CONCURRENCY, program };
  const runners = await Promise.all(ids.map((id) => world.child(id, settings)));
  const runnersBefore = cpuOf(runners);
  const rssMiB = await allEnded(world, runners, count);
  const runnerCpuMs = (cpuOf(runners) - runnersBefore) / count;
  const redisCpu = ((await redisCpuMs(world.redis)) - redisBefore) / count;
  const [begin, end] = await spanOf(world, refs);
  const after = await usedMemory(world);
  const redisBytesPerTask = (after - before) / count;
  await dropAll(world);
  const redisBytesPerDropped = ((await usedMemory(world)) - before) / count;
  await world.close();
  return {
    perSecond: (count * 1_000) / (end - begin),
    redisBytesPerTask,
    redisBytesPerDropped,
    rssMiB,
    runnerCpuMs,
    redisCpuMs: redisCpu,
  };
}

function cpuOf(runners: readonly RunnerChild[]): number {
  return sum(runners.map(({ process: { pid } }) => processCpuMs(pid)));
}

/** Counts, which costs Redis next to nothing: a benchmark that asks all the time measures its questions. */
async function allEnded(world: World, runners: readonly RunnerChild[], count: number): Promise<readonly number[]> {
  const rssMiB: number[] = [];
  const look = (): number => Math.max(...runners.map(({ process: { pid } }) => readRssMiB(pid)));
  const { live } = environmentKeys(world.env);
  for (let left = count; left > 0; left = await world.redis.zcard(live)) {
    if (left < count * (1 - (rssMiB.length + 1) / (MARKS + 1))) rssMiB.push(look());
    await wait(LOOK_MS);
  }
  return [...rssMiB, look()];
}

async function spanOf(world: World, refs: readonly TaskRef[]): Promise<readonly [beginMs: number, endMs: number]> {
  let [begin, end] = [Number.POSITIVE_INFINITY, 0];
  for (const ref of refs) {
    const fields = await world.redis.hmget(taskKeys(ref).task, "startedAtMs", "finishedAtMs", "phase");
    const [started, finished, phase] = fields;
    if (phase !== "Succeeded") throw new Error(`${ref.name} is ${phase}`);
    begin = Math.min(begin, Number(started));
    end = Math.max(end, Number(finished));
  }
  return [begin, end];
}

/** As a runner's retention does, but all at once. */
async function dropAll({ redis, env }: World): Promise<void> {
  const retention = new Retention(redis, env, { keptMs: 0, keptFailedMs: 0, keptTasks: 0 });
  while ((await retention.step(Date.now())) > 0);
}

async function usedMemory({ redis }: World): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1] ?? 0);
}

/** 0 where the system does not tell. */
function readRssMiB(pid: number | undefined): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}
