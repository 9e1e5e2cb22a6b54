// What one task costs on an idle runner, beyond its model and per step; and how long a runner takes to find its way back
// into a conversation of 500 turns.
import { setTimeout as wait } from "node:timers/promises";
import { modelStepId } from "../contracts/step.ts";
import type { TaskRef } from "../contracts/task.ts";
import { stepsKey } from "../store/keys.ts";
import { agent, manifest, mockModel, openWorld, system, type World } from "../test/runner/world.ts";
import { withBuiltChild } from "./built-child.ts";
import { median, printFigure } from "./measure.ts";
import { withPrivateRedis } from "./private-redis.ts";
import { lineOf, MOCK, STEPS } from "./three-agents.ts";

const SINGLE = 60;
/** Not counted: a runner's first tasks pay for the compilation of its code. */
const WARM_UP = 300;
const TURNS = 500;
const LOOK_MS = 50;
const TOOL = manifest("Tool", "lookup", { type: "external", effect: "read" });
const call = [{ tool: "lookup", arguments: { key: "topic" } }];
const line = lineOf(MOCK);

await withBuiltChild((program) => withPrivateRedis((url) => measureSteps(url, program)));
await withPrivateRedis(measureResume);

/** One task after another on an idle runner, a process of its own as it is for users: from its claim to its end. */
async function measureSteps(url: string, program: readonly string[]): Promise<void> {
  const world = openWorld(url);
  await world.apply(line);
  await world.child("runner", { leaseMs: 5_000, concurrency: 1, program });
  const whole: number[] = [];
  for (let index = 0; index < SINGLE + WARM_UP; index += 1) {
    const task = await world.ended(await world.start(line, "line"));
    if (index >= WARM_UP) whole.push(Date.parse(task.finishedAt ?? "") - Date.parse(task.startedAt ?? ""));
  }
  await world.close();
  const note = "three agents, each two turns and one tool call, one task in flight; a warm runner";
  printFigure({ name: "one task, idle runner", unit: "ms", value: median(whole), runs: SINGLE, note });
  printFigure({ name: "one step, idle runner", unit: "ms", value: median(whole) / STEPS, runs: SINGLE });
}

/** The runner stops in the last turn; the time is from the next claim to the first call of the model that was not made yet. */
async function measureResume(url: string): Promise<void> {
  const script = [
    { turn: TURNS, latency: "5m", say: "never" },
    { say: "On.", call },
  ];
  const long = [
    agent("a", { tools: ["lookup"], limits: { max_steps: TURNS + 1 } }),
    TOOL,
    system("one", ["a"]),
    mockModel("mock", script),
  ];
  const world = openWorld(url);
  await world.apply(long);
  const ref = await world.start(long, "one");
  const first = await world.runner({ leaseMs: 60_000, concurrency: 1 });
  await inLastTurn(world, ref, 1);
  await first.drain(0);
  const second = await world.runner({ leaseMs: 60_000, concurrency: 1 });
  await inLastTurn(world, ref, 2);
  const events = await world.trace(ref);
  const claimed = events.findLast(({ type }) => type === "task.claimed" || type === "task.taken_over");
  const called = events.findLast(({ type }) => type === "model.called");
  const ms = Date.parse(called?.at ?? "") - Date.parse(claimed?.at ?? "");
  const note = "from the claim to the next call of the model, in a process that is warm";
  printFigure({ name: `resume of a task of ${TURNS} turns`, unit: "ms", value: ms, runs: 1, note });
  await second.drain(0);
  await world.close();
}

async function inLastTurn(world: World, ref: TaskRef, attempt: number): Promise<void> {
  // One step of the last turn has begun, and nothing follows: what is still read is behind the call.
  const last = modelStepId(TURNS, attempt - 1);
  while ((await world.redis.hexists(stepsKey(ref, "a#1"), last)) === 0) await wait(LOOK_MS);
}
