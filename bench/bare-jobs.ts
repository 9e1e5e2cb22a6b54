// What bare BullMQ does on the same server: empty jobs, taken by worker processes that do nothing.
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
  readonly jobs: number;
  readonly workers: number;
  readonly concurrency: number;
}

export interface BareFigures {
  readonly perSecond: number;
  /** CPU that workers and Redis took for one job: tells more than the clock where others use the machine. */
  readonly cpuMsPerJob: number;
}

/** The jobs are there before the workers. */
export async function measureBareJobs({ url, jobs, workers, concurrency }: BareRun): Promise<BareFigures> {
  const connection = connectRedis(url, "worker");
  const name = `bench-${randomUUID()}`;
  const queue = new Queue(name, { connection });
  for (let first = 0; first < jobs; first += CHUNK) {
    const indexes = Array.from({ length: Math.min(CHUNK, jobs - first) }, (_, index) => first + index);
    await queue.addBulk(indexes.map((index) => ({ name: "job", data: { index }, opts: { removeOnComplete: true } })));
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
  return { perSecond: (jobs * 1_000) / (end - begin), cpuMsPerJob: cpuMs / jobs };
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
