// Plain `fetch` of what a task's agents ask of their models, as a process of its own: url, tasks, tasks that warm up, tasks
// at once. Prints when it began and ended.
import { setTimeout as wait } from "node:timers/promises";

const [url = "", tasks = "0", warmUp = "0", concurrency = "1"] = process.argv.slice(2);
const bodies = (await (await fetch(url)).json()) as readonly string[];
const requests = bodies.map((body) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body,
}));

await fetchTasks(Number(warmUp));
// The other process is warm, too, before either begins.
await wait(500);
const beginMs = Date.now();
await fetchTasks(Number(tasks));
process.stdout.write(`${JSON.stringify([beginMs, Date.now()])}\n`);

async function fetchTasks(count: number): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    for (; left > 0; left -= 1) {
      for (const request of requests) await (await fetch(`${url}/chat/completions`, request)).json();
    }
  };
  await Promise.all(Array.from({ length: Number(concurrency) }, worker));
}
