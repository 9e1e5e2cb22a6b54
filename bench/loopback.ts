// Tasks of three agents, each with two model turns and one tool call, whose model is an OpenAI-compatible server on
// loopback; beside plain `fetch` of the same six requests a task, one after another, with the same concurrency.
// `npm run bench -- loopback 200` makes two hundred tasks.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { environmentKeys } from "../store/keys.ts";
import { openWorld } from "../test/runner/world.ts";
import { withBuiltChild } from "./built-child.ts";
import { printFigure } from "./measure.ts";
import { withPrivateRedis } from "./private-redis.ts";
import { lineOf } from "./three-agents.ts";

const COUNT = Number(process.argv[2] ?? 1_000);
/** Not counted: the first tasks of a process pay for the compilation of its code. */
const WARM_UP = 3_000;
const RUNNERS = 2;
const CONCURRENCY = 8;
const LOOK_MS = 50;

const server = spawn(process.execPath, ["--import", "tsx", `${import.meta.dirname}/loopback-model.ts`], {
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  const [url] = (await once(createInterface({ input: server.stdout }), "line")) as [string];
  let tasks = 0;
  await withBuiltChild(async (program) => {
    tasks = await runTasks(url, program);
  });
  // Afterwards: by then the server knows what is asked of it.
  const plain = await fetchTasks(url);
  const note = `${COUNT} tasks of three agents, each two turns and one tool call; ${RUNNERS} runners of ${CONCURRENCY}`;
  printFigure({ name: "tasks with a loopback HTTP model", unit: "tasks/s", value: tasks, runs: 1, note });
  const same = `${RUNNERS} processes with ${CONCURRENCY} such tasks at once`;
  printFigure({ name: "plain fetch of the same six requests", unit: "tasks/s", value: plain, runs: 1, note: same });
  printFigure({ name: "tasks with a loopback model ÷ plain fetch", unit: "×", value: tasks / plain, runs: 1 });
} finally {
  server.kill();
}

async function fetchTasks(url: string): Promise<number> {
  const perProcess = Math.ceil(COUNT / RUNNERS);
  const script = `${import.meta.dirname}/loopback-fetch.ts`;
  const args = [url, String(perProcess), String(WARM_UP), String(CONCURRENCY)];
  const spans = await Promise.all(
    Array.from({ length: RUNNERS }, async () => {
      const child = spawn(process.execPath, ["--import", "tsx", script, ...args], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
      return JSON.parse(line) as readonly [beginMs: number, endMs: number];
    }),
  );
  const begin = Math.min(...spans.map(([from]) => from));
  const end = Math.max(...spans.map(([, to]) => to));
  return (perProcess * RUNNERS * 1_000) / (end - begin);
}

async function runTasks(url: string, program: readonly string[]): Promise<number> {
  // As one body, which is what the plain calls ask for, too.
  const options = { stream: "false" };
  const line = lineOf({ provider: "openai-compatible", base_url: url, default_model: "loop-1", options });
  let perSecond = 0;
  await withPrivateRedis(async (redisUrl) => {
    const world = openWorld(redisUrl);
    await world.apply(line);
    for (let index = 0; index < COUNT + WARM_UP; index += 1) await world.start(line, "line");
    const ids = Array.from({ length: RUNNERS }, (_, index) => `runner-${index + 1}`);
    const settings = { leaseMs: 5_000, concurrency: CONCURRENCY, program };
    await Promise.all(ids.map((id) => world.child(id, settings)));
    const { live } = environmentKeys(world.env);
    const left = (): Promise<number> => world.redis.zcard(live);
    let begun = await left();
    while (begun > COUNT) {
      await wait(LOOK_MS);
      begun = await left();
    }
    const beginMs = performance.now();
    while ((await left()) > 0) await wait(LOOK_MS);
    perSecond = (begun * 1_000) / (performance.now() - beginMs);
    await world.close();
  });
  return perSecond;
}
