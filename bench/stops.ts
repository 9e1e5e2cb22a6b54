// The kill switch: how long after a namespace was suspended the last model or tool call began, on three runners that are
// processes of their own and each have tasks under way.

import { setTimeout as pause } from "node:timers/promises";
import type { TaskRef } from "../contracts/task.ts";
import { namespaceHold, resume, suspend } from "../store/holds.ts";
import { buildChildren } from "../test/build.ts";
import { testRedis } from "../test/redis.ts";
import { agent, manifest, mockModel, openWorld, system } from "../test/runner/world.ts";
import { until } from "../test/store/world.ts";
import { median, printFigure } from "./measure.ts";

const STOPS = 12;
const RUNNERS = 3;
const TASKS = 6;
/** Calls for as long as the benchmark takes. */
const TURNS = 5_000;
const WORD = { by: "bench", since: "2026-01-02T03:04:05.000Z", reason: "stop" };
const NAMESPACE = namespaceHold("default");

await buildChildren();
const server = await testRedis();
const world = openWorld(server.url);
try {
  const tasks = await startTasks();
  const afterMs: number[] = [];
  while (afterMs.length < STOPS) afterMs.push(await stopOnce(tasks, 37 * afterMs.length));
  const note = `${RUNNERS} runners, ${TASKS} tasks that call all the time`;
  const name = "last call that began after its namespace was suspended";
  printFigure({ name: `${name}, longest`, unit: "ms", value: Math.max(...afterMs), runs: STOPS, note });
  printFigure({ name: `${name}, median`, unit: "ms", value: median(afterMs), runs: STOPS });
} finally {
  await world.close();
  await server.stop();
}

async function startTasks(): Promise<TaskRef[]> {
  const read = (key: string) => ({ tool: "memory.read", arguments: { key } });
  const script = Array.from({ length: TURNS }, (_, index) => ({
    turn: index + 1,
    latency: "20ms",
    call: [read(`k${index}`)],
  }));
  const manifests = [
    mockModel("mock", script),
    manifest("Memory", "notes", { provider: "in-memory" }),
    agent("busy", { memory: { ref: "notes", allow: ["read"] }, limits: { max_steps: TURNS } }),
    system("one", ["busy"]),
  ];
  await world.apply(manifests);
  for (let index = 1; index <= RUNNERS; index += 1) await world.child(`r${index}`, { leaseMs: 5_000, concurrency: 2 });
  const tasks: TaskRef[] = [];
  for (let index = 0; index < TASKS; index += 1) tasks.push(await world.start(manifests, "one"));
  await until("every task is at work", async () => (await look(tasks)).every(({ calledAt }) => calledAt > 0));
  return tasks;
}

/** `waitMs`: so that the moment falls elsewhere between two looks of each runner. */
async function stopOnce(tasks: readonly TaskRef[], waitMs: number): Promise<number> {
  await pause(waitMs);
  const before = await look(tasks);
  await suspend(world.redis, world.env, NAMESPACE, WORD);
  const suspendedAt = Date.now();
  const stopped = await until("every task is stopped", async () => {
    const now = await look(tasks);
    return now.every(({ stops }, index) => stops > (before[index]?.stops ?? 0)) && now;
  });
  await resume(world.redis, world.env, NAMESPACE, WORD);
  const last = Math.max(...stopped.map(({ calledAt }) => calledAt));
  await until("every task goes on", async () => (await look(tasks)).every(({ calledAt }) => calledAt > last));
  return Math.max(0, last - suspendedAt);
}

interface Seen {
  /** When its last call began, by its runner's clock, which is this machine's. */
  readonly calledAt: number;
  /** How often it was stopped. */
  readonly stops: number;
}

function look(tasks: readonly TaskRef[]): Promise<Seen[]> {
  return Promise.all(
    tasks.map(async (task) => {
      const events = await world.trace(task);
      const last = events.findLast(({ type }) => type === "model.called" || type === "tool.called");
      const stops = events.filter(({ type, code }) => type === "retry.scheduled" && code === "SUSPENDED").length;
      return { calledAt: Date.parse(last?.at ?? "1970-01-01"), stops };
    }),
  );
}
