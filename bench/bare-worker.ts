// A BullMQ worker that does nothing but add what follows, as a process of its own: url, queue, concurrency. Prints when its
// first and its last job ended, once the queue has been empty for a while.
import { Queue, Worker } from "bullmq";
import { connectRedis } from "../store/connect.ts";
import { emptyJob } from "./bare-jobs.ts";

const QUIET_MS = 500;
const [url = "", queue = "", concurrency = "1"] = process.argv.slice(2);
let firstAt = 0;
let lastAt = 0;
let quiet: NodeJS.Timeout | undefined;

const next = new Queue(queue, { connection: connectRedis(url, "worker") });
const worker = new Worker(
  queue,
  async ({ data }: { readonly data: { readonly following: number } }) => {
    firstAt ||= Date.now();
    if (data.following > 0) {
      const { name, data: rest, opts } = emptyJob(data.following - 1);
      await next.add(name, rest, opts);
    }
    lastAt = Date.now();
  },
  { connection: connectRedis(url, "worker"), concurrency: Number(concurrency) },
);
worker.on("completed", () => {
  clearTimeout(quiet);
  quiet = setTimeout(() => process.stdout.write(`${JSON.stringify([firstAt, lastAt])}\n`), QUIET_MS);
});
