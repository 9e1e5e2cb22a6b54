// A BullMQ worker that does nothing, as a process of its own: url, queue, concurrency. Prints when its first and its last
// job ended, once the queue has been empty for a while.
import { Worker } from "bullmq";
import { connectRedis } from "../store/connect.ts";

const QUIET_MS = 500;
const [url = "", queue = "", concurrency = "1"] = process.argv.slice(2);
let firstAt = 0;
let lastAt = 0;
let quiet: NodeJS.Timeout | undefined;

const worker = new Worker(
  queue,
  async () => {
    firstAt ||= Date.now();
    lastAt = Date.now();
  },
  { connection: connectRedis(url, "worker"), concurrency: Number(concurrency) },
);
worker.on("completed", () => {
  clearTimeout(quiet);
  quiet = setTimeout(() => process.stdout.write(`${JSON.stringify([firstAt, lastAt])}\n`), QUIET_MS);
});
