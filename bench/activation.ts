// What an activation costs beyond its model, and how many tasks of three agents two runners end in a second with a model
// that answers at once, beside the bare jobs that BullMQ does on the same server, one job an activation.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { Queue } from "bullmq";
import { hasEnded, type TaskRef } from "../contracts/task.ts";
import { connectRedis } from "../store/connect.ts";
import { ensureEmbedded, stopEmbedded } from "../store/embedded/embedded.ts";
import { agent, mockModel, openWorld, system, type World } from "../test/runner/world.ts";
import { median, printFigure } from "./measure.ts";

const TASKS = 300;
const SINGLE = 60;
const RUNS = 3;
const JOBS = 3 * TASKS;
const CONCURRENCY = 8;
const agents = ["a", "b", "c"];
const line = [...agents.map((name) => agent(name)), system("line", agents), mockModel("mock")];
const one = [agent("a"), system("one", ["a"]), mockModel("mock")];

const home = await mkdtemp(join(tmpdir(), "cw-bench-"));
const { url } = await ensureEmbedded({
  home,
  path: process.env["PATH"] ?? "",
  userHome: process.env["HOME"],
  cacheHome: process.env["XDG_CACHE_HOME"],
  say: () => undefined,
});
try {
  await measureActivation();
  await measureThroughput();
} finally {
  await stopEmbedded(home);
  await rm(home, { recursive: true, force: true });
}

/** One task of one agent after another on an idle runner: from the claim to the end, less what the model took. */
async function measureActivation(): Promise<void> {
  const world = openWorld(url);
  await world.runner({ leaseMs: 5_000, concurrency: 1 });
  const own: number[] = [];
  for (let index = 0; index < SINGLE + 5; index += 1) {
    const ref = await world.start(one, "one");
    const task = await world.ended(ref);
    const events = await world.trace(ref);
    const answered = events.find(({ type }) => type === "model.answered");
    const inside =
      Date.parse(task.finishedAt ?? "") - Date.parse(task.startedAt ?? "") - Number(answered?.["latencyMs"] ?? 0);
    if (index >= 5) own.push(inside);
  }
  await world.close();
  printFigure({ name: "one activation beyond its model, idle runner", unit: "ms", value: median(own), runs: SINGLE });
}

async function measureThroughput(): Promise<void> {
  const tasks: number[] = [];
  const jobs: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    tasks.push(await tasksPerSecond());
    jobs.push(await jobsPerSecond());
  }
  const note = `${TASKS} tasks of three agents, two runners of ${CONCURRENCY}, each a process`;
  printFigure({ name: "tasks of three agents, two runners", unit: "tasks/s", value: median(tasks), runs: RUNS, note });
  printFigure({ name: "activations, two runners", unit: "activations/s", value: 3 * median(tasks), runs: RUNS });
  printFigure({
    name: "bare BullMQ jobs, two workers",
    unit: "jobs/s",
    value: median(jobs),
    runs: RUNS,
    note: "two processes, same concurrency, no work",
  });
  printFigure({
    name: "bare BullMQ jobs ÷ activations",
    unit: "×",
    value: median(jobs) / (3 * median(tasks)),
    runs: RUNS,
  });
}

/** The tasks are there before the runners, as the jobs are before the workers. */
async function tasksPerSecond(): Promise<number> {
  const world = openWorld(url);
  const refs: TaskRef[] = [];
  for (let index = 0; index < TASKS; index += 1) refs.push(await world.start(line, "line"));
  await Promise.all(["left", "right"].map((id) => world.child(id, { leaseMs: 5_000, concurrency: CONCURRENCY })));
  await allEnded(world, refs);
  const records = await Promise.all(refs.map((ref) => world.task(ref)));
  await world.close();
  const begin = Math.min(...records.map(({ startedAt }) => Date.parse(startedAt ?? "")));
  const end = Math.max(...records.map(({ finishedAt }) => Date.parse(finishedAt ?? "")));
  return (TASKS * 1_000) / (end - begin);
}

/** Looks seldom, and at the last one first: a benchmark that asks all the time measures its questions. */
async function allEnded(world: World, refs: readonly TaskRef[]): Promise<void> {
  for (const ref of refs.toReversed()) {
    while (!hasEnded((await world.task(ref)).phase)) await wait(200);
  }
}

async function jobsPerSecond(): Promise<number> {
  const connection = connectRedis(url, "worker");
  const name = `bench-${randomUUID()}`;
  const queue = new Queue(name, { connection });
  await queue.addBulk(
    Array.from({ length: JOBS }, (_, index) => ({ name: "job", data: { index }, opts: { removeOnComplete: true } })),
  );
  const workers = await Promise.all([startBareWorker(name), startBareWorker(name)]);
  const spans = await Promise.all(workers.map(({ span }) => span));
  for (const { child } of workers) child.kill();
  await queue.close();
  connection.disconnect();
  const begin = Math.min(...spans.map(([first]) => first));
  const end = Math.max(...spans.map(([, last]) => last));
  return (JOBS * 1_000) / (end - begin);
}

interface BareWorker {
  readonly child: ChildProcess;
  /** When its first and its last job ended. */
  readonly span: Promise<readonly [first: number, last: number]>;
}

async function startBareWorker(queue: string): Promise<BareWorker> {
  const script = join(import.meta.dirname, "bare-worker.ts");
  const child = spawn(process.execPath, ["--import", "tsx", script, url, queue, String(CONCURRENCY)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const span = lines.next().then(({ value }) => JSON.parse(String(value)) as readonly [number, number]);
  return { child, span };
}
