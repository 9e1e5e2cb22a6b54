// How long an activation whose runner was killed waits for the next one, with the default lease, in the middle of a
// conversation: and what is done twice (nothing that was recorded), and what is lost. Beside them holders that stand still.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { TaskRef } from "../contracts/task.ts";
import type { TraceEvent } from "../contracts/trace.ts";
import { RUNNER_LIMITS } from "../runner/limits.ts";
import { buildChildren } from "../test/build.ts";
import { testRedis } from "../test/redis.ts";
import { agent, manifest, mockModel, openWorld, type RunnerChild, system, type World } from "../test/runner/world.ts";
import { median, printFigure } from "./measure.ts";

const KILLS = 50;
/** Runners that are lost at the same moment: as many processes as a small machine bears. */
const AT_ONCE = 10;
const { leaseMs } = RUNNER_LIMITS;

/** Answers the second time that a key is seen; `mark` is answered at once. */
interface HoldingTools {
  readonly url: string;
  /** Calls that were begun and are held. */
  held(): number;
  close(): void;
}

await buildChildren();
const server = await testRedis();
const tools = await openHoldingTools();
try {
  const killed: Lost[] = [];
  while (killed.length < KILLS) killed.push(...(await loseRunners("SIGKILL")));
  const seconds = killed.map(({ afterMs }) => afterMs / 1_000);
  const note = `${AT_ONCE} at once, lease ${leaseMs / 1_000} s, in the third step of a conversation`;
  const runs = killed.length;
  printFigure({ name: "takeover after kill -9, longest", unit: "s", value: Math.max(...seconds), runs, note });
  printFigure({ name: "takeover after kill -9, median", unit: "s", value: median(seconds), runs });
  printFigure({ name: "finished steps repeated, turns included", unit: "steps", value: sum(killed, "repeated"), runs });
  printFigure({ name: "tasks lost", unit: "tasks", value: sum(killed, "lost"), runs });
  const paused = await loseRunners("SIGSTOP");
  const [name, unit] = ["writes accepted of holders that stood still", "writes"];
  printFigure({ name, unit, value: sum(paused, "writes"), runs: paused.length });
} finally {
  tools.close();
  await server.stop();
}

interface Lost {
  readonly afterMs: number;
  readonly repeated: number;
  readonly lost: number;
  /** Written by the lost runner after it was taken over from. */
  readonly writes: number;
}

function sum(all: readonly Lost[], of: "repeated" | "lost" | "writes"): number {
  return all.reduce((total, one) => total + one[of], 0);
}

async function loseRunners(how: "SIGKILL" | "SIGSTOP"): Promise<readonly Lost[]> {
  const world = openWorld(server.url);
  try {
    const victims = await startRunners(world, AT_ONCE, "victim", 1);
    const before = tools.held();
    const refs: TaskRef[] = [];
    for (let index = 0; index < AT_ONCE; index += 1) refs.push(await world.start(definitions(tools.url), "one"));
    while (tools.held() - before < AT_ONCE) await wait(20);
    await startRunners(world, 1, "survivor", AT_ONCE);
    const lostAtMs = Date.now();
    for (const { process } of victims) process.kill(how);
    for (const ref of refs) await world.ended(ref, 60_000).catch(() => undefined);
    if (how === "SIGSTOP") await wakeAndEnd(victims);
    return await Promise.all(refs.map((ref) => judge(world, ref, lostAtMs)));
  } finally {
    await world.close();
  }
}

function startRunners(world: World, count: number, name: string, concurrency: number): Promise<RunnerChild[]> {
  const ids = Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);
  return Promise.all(ids.map((id) => world.child(id, { leaseMs, concurrency })));
}

/** They come to themselves, find their leases gone, and can be stopped in order. */
async function wakeAndEnd(victims: readonly RunnerChild[]): Promise<void> {
  for (const { process } of victims) process.kill("SIGCONT");
  for (const { process } of victims) process.kill("SIGTERM");
  await Promise.all(victims.map(({ exited }) => exited));
}

async function judge(world: World, ref: TaskRef, lostAtMs: number): Promise<Lost> {
  const [task, events] = [await world.task(ref), await world.trace(ref)];
  const taken = events.find(({ type }) => type === "task.taken_over");
  const late = (epoch: number): boolean => taken?.epoch !== undefined && epoch < taken.epoch;
  const later = events.filter(
    ({ seq, epoch }) => taken !== undefined && seq > taken.seq && epoch !== undefined && late(epoch),
  );
  return {
    afterMs: taken === undefined ? Number.POSITIVE_INFINITY : Date.parse(taken.at) - lostAtMs,
    repeated: repeatedSteps(events),
    lost: task.phase === "Succeeded" && taken !== undefined ? 0 : 1,
    writes: later.length,
  };
}

/** Calls of a step that had its result already; a turn is one step, whatever its try is called. */
function repeatedSteps(events: readonly TraceEvent[]): number {
  const done = new Set<string>();
  let repeated = 0;
  for (const { type, activation, turn, step } of events) {
    const place = type.startsWith("model.") ? `${activation} turn ${turn}` : `${activation} ${step}`;
    if ((type === "model.called" || type === "tool.called") && done.has(place)) repeated += 1;
    if (type === "model.answered" || type === "tool.answered") done.add(place);
  }
  return repeated;
}

/** Two turns and a call are done when the second call is held and its runner is lost. */
function definitions(url: string) {
  const script = [
    { turn: 1, call: [{ tool: "mark" }] },
    { turn: 2, call: [{ tool: "hold" }] },
    { turn: 3, say: "done" },
  ];
  const tool = (name: string) =>
    manifest("Tool", name, { type: "http", endpoint: `${url}${name}`, description: name, effect: "idempotent" });
  return [
    agent("a", { tools: ["mark", "hold"] }),
    system("one", ["a"]),
    mockModel("mock", script),
    tool("mark"),
    tool("hold"),
  ];
}

async function openHoldingTools(): Promise<HoldingTools> {
  const seen = new Set<string>();
  const http = createServer((request, response) => {
    const key = String(request.headers["idempotency-key"]);
    const isHeld = request.url === "/hold" && !seen.has(key);
    if (request.url === "/hold") seen.add(key);
    if (!isHeld) response.end("ok");
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    held: () => seen.size,
    close: () => {
      http.closeAllConnections();
      http.close();
    },
  };
}
