// One model turn a task against an OpenAI-compatible server on loopback, beside plain `fetch` of the same requests in a
// process of its own with the same concurrency.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { environmentKeys } from "../store/keys.ts";
import { agent, manifest, openWorld, system } from "../test/runner/world.ts";
import { printFigure } from "./measure.ts";
import { withPrivateRedis } from "./private-redis.ts";

const COUNT = Number(process.argv[2] ?? 2_000);
const CONCURRENCY = 8;
/** What the model takes to answer: a loopback model that takes nothing would measure HTTP alone. */
const ANSWER = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "loop-1",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "It is done." } }],
  usage: { prompt_tokens: 20, completion_tokens: 5, total_tokens: 25 },
});
/** The same answer, for whoever asks for a stream. */
const STREAM = [
  { choices: [{ index: 0, delta: { role: "assistant", content: "It is done." }, finish_reason: null }] },
  { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
  { choices: [], usage: { prompt_tokens: 20, completion_tokens: 5, total_tokens: 25 } },
]
  .map((part) => ({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "loop-1", ...part }))
  .map((part) => `data: ${JSON.stringify(part)}\n\n`)
  .join("")
  .concat("data: [DONE]\n\n");

const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (part: string) => {
    body += part;
  });
  request.once("end", () => {
    const streams = body.includes('"stream":true');
    response.setHeader("Content-Type", streams ? "text/event-stream" : "application/json");
    response.end(streams ? STREAM : ANSWER);
  });
});
const url = await listen(server);
try {
  const plain = await fetchesPerSecond();
  const tasks = await tasksPerSecond();
  const note = `${COUNT} tasks of one turn, one runner of ${CONCURRENCY}`;
  printFigure({ name: "tasks with a loopback HTTP model", unit: "tasks/s", value: tasks, runs: 1, note });
  printFigure({ name: "plain fetch of the same model", unit: "calls/s", value: plain, runs: 1 });
  printFigure({ name: "tasks with a loopback model ÷ plain fetch", unit: "×", value: tasks / plain, runs: 1 });
} finally {
  server.closeAllConnections();
  server.close();
}

async function listen(http: Server): Promise<string> {
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1`;
}

async function fetchesPerSecond(): Promise<number> {
  const messages = [{ role: "user", content: "topic: clocks" }];
  const body = JSON.stringify({ model: "loop-1", messages, max_tokens: 4_096 });
  const headers = { "Content-Type": "application/json" };
  let left = COUNT;
  const worker = async (): Promise<void> => {
    for (; left > 0; left -= 1)
      await (await fetch(`${url}/chat/completions`, { method: "POST", headers, body })).json();
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return (COUNT * 1_000) / (performance.now() - start);
}

async function tasksPerSecond(): Promise<number> {
  const model = manifest("ModelEndpoint", "loop", {
    provider: "openai-compatible",
    base_url: url,
    default_model: "loop-1",
  });
  const one = [agent("a", { model_ref: "loop" }), system("one", ["a"]), model];
  let perSecond = 0;
  await withPrivateRedis(async (redisUrl) => {
    const world = openWorld(redisUrl);
    await world.apply(one);
    for (let index = 0; index < COUNT; index += 1) await world.start(one, "one");
    const start = performance.now();
    await world.runner({ leaseMs: 5_000, concurrency: CONCURRENCY });
    while ((await world.redis.zcard(environmentKeys(world.env).live)) > 0) await wait(50);
    perSecond = (COUNT * 1_000) / (performance.now() - start);
    await world.close();
  });
  return perSecond;
}
