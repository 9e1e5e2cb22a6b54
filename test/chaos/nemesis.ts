// A nemesis: real runners are killed, stopped, replaced, and Redis stands still, at random and from a seed, while tasks come
// in and a person answers what waits for one. Afterwards everything must have ended, and the invariants judge.
import { setTimeout as wait } from "node:timers/promises";
import { hasEnded, type TaskRef } from "../../contracts/task.ts";
import { openQueue } from "../../store/queue.ts";
import { readBegunStep, resolveUnknown } from "../../store/scripts/resolve.ts";
import type { PersonsWord } from "../history/history.ts";
import { judgeHistory } from "../history/invariants.ts";
import { agent, mockModel, openWorld, type RunnerChild, system, type World } from "../runner/world.ts";
import { type Dice, rollDice } from "../sim/dice.ts";
import { leftovers, Onlooker, realHistory } from "./real-history.ts";
import { openSeenTools, type SeenTools } from "./seen-tools.ts";

export interface NemesisOptions {
  readonly url: string;
  readonly seed: string;
  readonly forMs: number;
  readonly say: (line: string) => void;
}

export interface NemesisReport {
  readonly tasks: number;
  readonly succeeded: number;
  readonly takeovers: number;
  readonly blows: number;
  /** That reached the tools. */
  readonly calls: number;
  readonly breaches: readonly string[];
}

const LEASE_MS = 1_000;
const RUNNERS = 3;
/** For everything to come to its end once nothing happens any more. */
const AFTERWARDS_MS = 60_000;
const LOOK_MS = 250;

export async function runNemesis({ url, seed, forMs, say }: NemesisOptions): Promise<NemesisReport> {
  const dice = rollDice(seed);
  const world = openWorld(url);
  const latency = dice.fork("tools");
  const tools = await openSeenTools(() => latency.whole(0, 150));
  try {
    const run = new NemesisRun(world, tools, dice, say);
    await run.play(forMs);
    return await run.report();
  } finally {
    await world.close();
    await tools.close();
  }
}

class NemesisRun {
  readonly #world: World;
  readonly #tools: SeenTools;
  readonly #dice: Dice;
  readonly #lines: string[] = [];
  readonly #say: (line: string) => void;
  readonly #runners = new Map<string, RunnerChild>();
  readonly #refs: TaskRef[] = [];
  readonly #words: PersonsWord[] = [];
  readonly #booting: Promise<void>[] = [];
  readonly #onlooker: Onlooker;
  #started = 0;
  #blows = 0;

  constructor(world: World, tools: SeenTools, dice: Dice, say: (line: string) => void) {
    this.#world = world;
    this.#tools = tools;
    this.#dice = dice;
    this.#onlooker = new Onlooker(world);
    this.#say = (line) => {
      this.#lines.push(line);
      say(line);
    };
  }

  async play(forMs: number): Promise<void> {
    await Promise.all(Array.from({ length: RUNNERS }, () => this.#boot()));
    const untilMs = performance.now() + forMs;
    const isOn = (): boolean => performance.now() < untilMs;
    const calm = new AbortController();
    const watched = this.#watch(calm.signal);
    await Promise.all([this.#bringTasks(isOn), this.#strike(isOn)]);
    this.#say("nothing goes wrong any more");
    await Promise.all([...this.#booting, this.#boot()]);
    await this.#settle();
    calm.abort();
    await watched;
  }

  async #boot(): Promise<void> {
    this.#started += 1;
    const id = `n${this.#started}`;
    this.#runners.set(id, await this.#world.child(id, { leaseMs: LEASE_MS }));
    this.#say(`${id} runs`);
  }

  async #bringTasks(isOn: () => boolean): Promise<void> {
    const dice = this.#dice.fork("tasks");
    const definitions = definitionsOf(this.#tools);
    while (isOn()) {
      this.#refs.push(await this.#world.start(definitions, dice.pick(["line", "fan"]), { maxAttempts: 2 }));
      await wait(dice.whole(100, 500));
    }
  }

  async #strike(isOn: () => boolean): Promise<void> {
    const dice = this.#dice.fork("blows");
    while (isOn()) {
      await wait(dice.whole(200, 1_200));
      this.#blows += 1;
      const ids = [...this.#runners.keys()];
      const id = ids[dice.whole(0, ids.length - 1)] ?? "";
      const ms = dice.whole(200, 3 * LEASE_MS);
      const kind = dice.pick(["kill", "kill", "pause", "pause", "replace", "redis"]);
      this.#say(`nemesis: ${kind} ${kind === "redis" ? "" : id} ${ms} ms`);
      await this.#blow(kind, id, ms);
    }
  }

  async #blow(kind: string, id: string, ms: number): Promise<void> {
    const runner = this.#runners.get(id);
    if (kind === "redis") return this.#pauseRedis(Math.min(ms, 1_500));
    if (runner === undefined) return;
    if (kind === "pause") {
      runner.process.kill("SIGSTOP");
      await wait(ms);
      runner.process.kill("SIGCONT");
      return;
    }
    this.#runners.delete(id);
    runner.process.kill(kind === "kill" ? "SIGKILL" : "SIGTERM");
    // A process takes its time to start: the nemesis does not wait for it.
    this.#booting.push(this.#boot());
  }

  async #pauseRedis(ms: number): Promise<void> {
    const pid = Number(/process_id:(\d+)/.exec(await this.#world.redis.info("server"))?.[1]);
    process.kill(pid, "SIGSTOP");
    await wait(ms);
    process.kill(pid, "SIGCONT");
  }

  /** Looks, and answers what waits for a person. */
  async #watch(calm: AbortSignal): Promise<void> {
    const dice = this.#dice.fork("person");
    const ended = new Set<string>();
    while (!calm.aborted) {
      for (const ref of this.#refs.filter(({ name }) => !ended.has(name))) {
        const phase = await this.#onlooker.look(ref);
        if (hasEnded(phase)) ended.add(ref.name);
        if (phase === "Unknown") await this.#answer(ref, dice);
      }
      await wait(LOOK_MS);
    }
  }

  async #answer(task: TaskRef, dice: Dice): Promise<void> {
    const { activations } = await this.#world.task(task);
    const queue = openQueue(this.#world.redis, task.env);
    for (const { id: activation } of activations.filter(({ phase }) => phase === "Unknown")) {
      const step = await readBegunStep(this.#world.redis, task, activation);
      if (step === undefined) continue;
      const again = dice.chance(0.5);
      const tool = { text: "a person saw it", isError: false };
      const said = again ? { ...step, state: "decided" as const } : { ...step, state: "done" as const, tool };
      const drafts = [{ type: "approval.decided" as const, at: new Date().toISOString(), activation }];
      const answer = await resolveUnknown(this.#world.redis, queue, { task, activation, step: said, drafts });
      if (answer.outcome === "resolved" && again) {
        this.#words.push({ task: `${task.namespace}/${task.name}`, activation, step: step.step });
      }
      this.#say(`person: ${again ? "again" : "done"} for ${step.step} of ${task.name} ${activation}`);
    }
    await queue.close();
  }

  async #settle(): Promise<void> {
    const untilMs = performance.now() + AFTERWARDS_MS;
    while (performance.now() < untilMs) {
      const phases = await Promise.all(this.#refs.map(async (ref) => (await this.#world.task(ref)).phase));
      if (phases.every(hasEnded) && (await leftovers(this.#world)).length === 0) return;
      await wait(LOOK_MS);
    }
  }

  async report(): Promise<NemesisReport> {
    const tasks = await Promise.all(this.#refs.map((ref) => this.#onlooker.history(ref, [])));
    const run = { tasks, retriesByPerson: this.#words, logs: this.#lines.join("\n") };
    const breaches = judgeHistory(await realHistory(this.#world, this.#tools, run));
    const events = tasks.flatMap((task) => task.events);
    return {
      tasks: tasks.length,
      succeeded: tasks.filter(({ record }) => record.phase === "Succeeded").length,
      takeovers: events.filter(({ type }) => type === "task.taken_over").length,
      blows: this.#blows,
      calls: this.#tools.calls.length,
      breaches,
    };
  }
}

function definitionsOf(tools: SeenTools) {
  const call = (tool: string) => [{ tool, arguments: { about: "{{input}}" } }];
  const script = [
    { agent: "a", turn: 1, latency: "60ms", call: [...call("look"), ...call("put")] },
    { agent: "b", turn: 1, latency: "120ms", call: call("send") },
    { agent: "c", turn: 1, latency: "30ms", call: call("look") },
    { latency: "90ms", say: "it is done" },
  ];
  const names = ["look", "put", "send"];
  const fan = { a: { edges: [{ to: "b" }, { to: "c" }] }, b: { next: "d" }, c: { next: "d" } };
  return [
    ...["a", "b", "c", "d"].map((name) => agent(name, { tools: names })),
    system("line", ["a", "b", "d"]),
    system("fan", ["a", "b", "c", "d"], fan),
    ...tools.tools({ look: "read", put: "idempotent", send: "write" }),
    mockModel("mock", script),
  ];
}
