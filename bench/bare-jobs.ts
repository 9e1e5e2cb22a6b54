// What bare BullMQ does on the same server: empty jobs, taken by worker processes that do nothing, or nothing but to add
// the next one.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Queue } from "bullmq";
import { connectRedis } from "../store/connect.ts";
import { processCpuMs, redisCpuMs, sum } from "./cpu.ts";

const CHUNK = 1_000;

export interface BareRun {
  readonly url: string;
  readonly tasks: number;
  /** Of one task: all there from the beginning, or each added by the worker that is at the one before. */
  readonly jobs: number;
  readonly chained: boolean;
  readonly workers: number;
  readonly concurrency: number;
}

export interface BareFigures {
  /** Tasks. */
  readonly perSecond: number;
  /** CPU that workers and Redis took for one: tells more than the clock where others use the machine. */
  readonly cpuMsPerTask: number;
}

/** The tasks are there before the workers. */
export async function measureBareJobs({
  url,
  tasks,
  jobs,
  chained,
  workers,
  concurrency,
}: BareRun): Promise<BareFigures> {
  const connection = connectRedis(url, "worker");
  const name = `bench-${randomUUID()}`;
  const queue = new Queue(name, { connection });
  const [ready, following] = chained ? [tasks, jobs - 1] : [tasks * jobs, 0];
  for (let first = 0; first < ready; first += CHUNK) {
    const made = Array.from({ length: Math.min(CHUNK, ready - first) }, () => emptyJob(following));
    await queue.addBulk(made);
  }
  const before = await redisCpuMs(connection);
  const running = Array.from({ length: workers }, () => startBareWorker(url, name, concurrency));
  const spans = await Promise.all(running.map(({ span }) => span));
  const cpuMs = sum(running.map(({ child }) => processCpuMs(child.pid))) + (await redisCpuMs(connection)) - before;
  for (const { child } of running) child.kill();
  await queue.obliterate({ force: true });
  await queue.close();
  connection.disconnect();
  const begin = Math.min(...spans.map(([first]) => first));
  const end = Math.max(...spans.map(([, last]) => last));
  return { perSecond: (tasks * 1_000) / (end - begin), cpuMsPerTask: cpuMs / tasks };
}

/** `following`: how many more of its task come after it. */
export function emptyJob(following: number) {
  return { name: "job", data: { following }, opts: { removeOnComplete: true } };
}

interface BareWorker {
  readonly child: ChildProcess;
  /** When its first and its last job ended. */
  readonly span: Promise<readonly [first: number, last: number]>;
}

function startBareWorker(url: string, queue: string, concurrency: number): BareWorker {
  const script = join(import.meta.dirname, "bare-worker.ts");
  const child = spawn(process.execPath, ["--import", "tsx", script, url, queue, String(concurrency)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const span = lines.next().then(({ value }) => JSON.parse(String(value)) as readonly [number, number]);
  return { child, span };
}
