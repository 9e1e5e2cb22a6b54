// One simulation: a seed makes the scenario, the faults and the order of everything; the history comes out.
import { readGraph } from "../../contracts/graph.ts";
import { specOf } from "../../contracts/kinds.ts";
import { makeTask } from "../../contracts/new-task.ts";
import { makeSnapshot } from "../../contracts/snapshot.ts";
import type { TaskPhase, TaskRef } from "../../contracts/task.ts";
import { hasEnded } from "../../contracts/task.ts";
import type { ChainHead, TraceEvent } from "../../contracts/trace.ts";
import type { Redis } from "../../store/connect.ts";
import { environmentKeys, stepsKey, taskKeys } from "../../store/keys.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { readBegunStep, resolveUnknown } from "../../store/scripts/resolve.ts";
import { putSnapshot } from "../../store/snapshots.ts";
import { readStep } from "../../store/task-fields.ts";
import { createTask, readTask, readTrace, requestCancel } from "../../store/tasks.ts";
import type { History, PersonsWord, TaskHistory } from "../history/history.ts";
import { judgeHistory } from "../history/invariants.ts";
import { applyAll, record, requestOf } from "../runner/world.ts";
import { Bells, openBellQueue } from "./bells.ts";
import { openClient, SHORT_WIRE, type Wire } from "./client.ts";
import { type Dice, rollDice } from "./dice.ts";
import { LuaScripts, MemoryRedis } from "./memory-redis.ts";
import { type Blow, planBlows } from "./nemesis.ts";
import { type Faults, NO_FAULTS, openRoute } from "./network.ts";
import { type Outside, openOutside } from "./outside.ts";
import { CANARY, makeScenario, policy, type Scenario } from "./scenario.ts";
import { type SimRunner, startSimRunner } from "./sim-runner.ts";
import { bootMachine, installTime, type Machine, VirtualTime } from "./virtual-time.ts";

export interface Simulation {
  readonly seed: string;
  readonly breaches: readonly string[];
  readonly history: History;
  /** Readable, one line an event. */
  readonly log: readonly string[];
}

const ENV = "sim";
/** Simulated time in which everything must have come to its end once nothing goes wrong any more. */
const AFTERWARDS_MS = 240_000;
const LOOK_MS = 500;

/** Where simulations are played, one after another: it keeps what they can share, and has the time of the process. */
export class Stage {
  readonly #scripts: LuaScripts;
  readonly #close: () => void;
  #time: VirtualTime | undefined;

  constructor(scripts = new LuaScripts()) {
    this.#scripts = scripts;
    this.#close = installTime(() => this.#time);
  }

  /** `logs`: line by line what happened; without it the log is empty, and the seed is played faster. */
  async play(seed: string, logs = false): Promise<Simulation> {
    const simulated = new SimulatedWorld(seed, this.#scripts, logs);
    this.#time = simulated.time;
    try {
      await simulated.run();
    } finally {
      this.#time = undefined;
    }
    const history = await simulated.history();
    return { seed, breaches: [...simulated.bugs, ...judgeHistory(history)], history, log: simulated.log };
  }

  close(): void {
    this.#close();
  }
}

class SimulatedWorld {
  readonly log: string[] = [];
  readonly bugs: string[] = [];
  readonly #logs: boolean;
  readonly time: VirtualTime;
  readonly #world = bootMachine("world");
  readonly #serverMachine = bootMachine("redis");
  readonly #dice: Dice;
  readonly #scenario: Scenario;
  readonly #server: MemoryRedis;
  readonly #redis: Redis;
  readonly #queue: ActivationQueue;
  readonly #bells: Bells;
  readonly #outside: Outside;
  readonly #health = { awayUntilMs: 0, stallsUntilMs: 0 };
  readonly #phases = new Map<string, TaskPhase[]>();
  readonly #seqs = new Map<string, number>();
  readonly #heads = new Map<string, ChainHead[]>();
  readonly #words: PersonsWord[] = [];
  readonly #runners = new Map<string, SimRunner>();
  #faults: Faults;
  #made = 0;

  constructor(seed: string, scripts: LuaScripts, logs: boolean) {
    this.#logs = logs;
    this.#dice = rollDice(seed);
    this.#scenario = makeScenario(this.#dice.fork("scenario"));
    this.#faults = rollFaults(this.#dice.fork("faults"), this.#scenario.leaseMs);
    this.time = new VirtualTime(this.#world);
    this.#server = new MemoryRedis(() => this.time.wallMs(), scripts);
    this.#server.watch = (key, field, value) => this.#see(key, field, value);
    this.#redis = openClient(this.#server);
    this.#bells = new Bells(this.time, this.#serverMachine);
    this.#queue = openBellQueue(this.#bells, ENV, SHORT_WIRE);
    this.#outside = openOutside({
      time: this.time,
      dice: this.#dice.fork("outside"),
      machine: this.#world,
      failing: this.#scenario.failing,
      seqOf: (task) => this.#seqs.get(task) ?? 0,
      say: (line) => this.#say(line),
    });
  }

  async run(): Promise<void> {
    const { tasks, troubleMs, leaseMs, runners, tightened } = this.#scenario;
    this.time.start(this.#world, () => this.#prepare());
    await this.time.run(() => this.#isPrepared, AFTERWARDS_MS);
    for (const planned of tasks) {
      this.time.after(planned.atMs, () => void this.#startTask(planned), "timer", this.#world);
      if (planned.cancelAtMs === undefined) continue;
      this.time.after(
        planned.cancelAtMs,
        () => void requestCancel(this.#redis, refOf(planned.name)),
        "timer",
        this.#world,
      );
    }
    for (let number = 1; number <= runners; number += 1) this.#boot(`r${number}`);
    for (const { atMs, blow } of planBlows(this.#dice.fork("blows"), troubleMs, leaseMs)) {
      this.time.after(atMs, () => this.#strike(blow), "timer", this.#world);
    }
    if (tightened !== undefined) {
      this.time.after(
        tightened.atMs,
        () => void this.#apply([policy("tight", { blocked_tools: [tightened.tool] })]),
        "timer",
        this.#world,
      );
    }
    this.time.start(this.#world, () => this.#person());
    await this.time.run(() => false, troubleMs);
    this.#calmDown();
    await this.time.run(() => this.#isQuiet(), AFTERWARDS_MS);
  }

  #isPrepared = false;

  async #prepare(): Promise<void> {
    await this.#apply([]);
    await putSnapshot(this.#redis, ENV, makeSnapshot(this.#scenario.manifests.map(record)));
    this.#isPrepared = true;
  }

  async #apply(more: Scenario["manifests"]): Promise<void> {
    this.#say(`world: applies ${more.length === 0 ? "the definitions" : "tighter policies"}`);
    await applyAll(this.#redis, ENV, [...this.#scenario.manifests, ...more].map(record));
  }

  async #startTask({ name, system, maxTurns }: Scenario["tasks"][number]): Promise<void> {
    const { manifests } = this.#scenario;
    const spec = manifests.map((content) =>
      content.metadata.name === system ? specOf(content, "AgentSystem") : undefined,
    );
    const graph = readGraph(spec.find((found) => found !== undefined) ?? { agents: [] });
    const snapshot = makeSnapshot(manifests.map(record)).digest;
    const ref = refOf(name);
    const request = { ...requestOf(ref, system, snapshot), graph, maxTurns, maxAttempts: 2 };
    await createTask(
      this.#redis,
      this.#queue,
      makeTask({ ...request, createdAt: new Date(this.time.wallMs()).toISOString() }),
    );
  }

  #boot(id: string): void {
    this.#made += 1;
    const machine = bootMachine(id);
    const dice = this.#dice.fork(`runner ${this.#made}`);
    const wire = (name: string): Wire => {
      const say = (line: string): void => this.#say(line);
      const faults = (): Faults => this.#faults;
      const route = { time: this.time, server: this.#serverMachine, health: this.#health, faults, say };
      return openRoute({ ...route, dice: dice.fork(name) });
    };
    const redis = openClient(this.#server, this.#listening(wire("commands")));
    const runner = (): void => {
      const bellWire = wire("bells");
      const started = startSimRunner({
        id,
        time: this.time,
        machine,
        dice,
        redis,
        queue: openBellQueue(this.#bells, ENV, wire("queue")),
        bells: this.#bells,
        bellWire,
        outside: this.#outside,
        concurrency: this.#scenario.concurrency,
        leaseMs: this.#scenario.leaseMs,
        newId: () => `d${(this.#made += 1)}`,
        say: (line) => this.#say(line),
      });
      this.#runners.set(id, started);
    };
    this.#say(`world: ${id} starts`);
    this.time.after(0, runner, "timer", machine);
  }

  /** Notes every end of a chain that a runner is told of: from then on it must stay. */
  #listening(wire: Wire): Wire {
    return async (commands, execute) => {
      const answers = await wire(commands, execute);
      for (const [index, answer] of answers.entries()) {
        const key = commands[index]?.args[2] ?? "";
        if (!Array.isArray(answer) || (answer[0] !== "appended" && answer[0] !== "released")) continue;
        const heads = this.#heads.get(key) ?? [];
        heads.push({ seq: Number(answer[1]), head: String(answer[2]) });
        this.#heads.set(key, heads);
      }
      return answers;
    };
  }

  #strike(blow: Blow): void {
    switch (blow.kind) {
      case "server-away":
        this.#say(`nemesis: redis is away for ${blow.ms} ms`);
        this.#health.awayUntilMs = this.time.now() + blow.ms;
        if (blow.forgets) this.#server.restart();
        return;
      case "server-stalls":
        this.#say(`nemesis: redis stands still for ${blow.ms} ms`);
        this.#health.stallsUntilMs = this.time.now() + blow.ms;
        return;
      case "lose-bell":
        return this.#say(`nemesis: the bell ${this.#bells.lose(this.#dice) ?? "of nobody"} is lost`);
      case "pause":
      case "kill":
      case "stop":
        return this.#strikeRunner(blow);
    }
  }

  #strikeRunner(blow: Extract<Blow, { kind: "pause" | "kill" | "stop" }>): void {
    const alive = [...this.#runners].filter(([, { machine }]) => !machine.isDead);
    const victim = alive[Math.floor(this.#dice.next() * alive.length)];
    if (victim === undefined) return;
    const [id, runner] = victim;
    if (blow.kind === "pause") {
      this.#say(`nemesis: ${id} stands still for ${blow.ms} ms`);
      runner.machine.hearsNetworkFirst = this.#dice.chance(0.5);
      runner.machine.standsStillUntilMs = this.time.now() + blow.ms;
      return;
    }
    this.#say(`nemesis: ${blow.kind}s ${id}`);
    if (blow.kind === "kill") runner.machine.isDead = true;
    else this.time.start(runner.machine, () => runner.stop());
    const next = blow.sameId ? id : `${id}x`;
    this.time.after(blow.againAfterMs, () => this.#restart(next, runner.machine), "timer", this.#world);
  }

  /** No two runners may share a name: the former life must be over. */
  #restart(id: string, former: Machine): void {
    if (former.isDead || former.name !== id) this.#boot(id);
    else this.time.after(LOOK_MS, () => this.#restart(id, former), "timer", this.#world);
  }

  #calmDown(): void {
    this.#say("world: nothing goes wrong any more");
    this.#faults = NO_FAULTS;
    this.#outside.calmDown();
    this.#health.awayUntilMs = 0;
    this.#health.stallsUntilMs = 0;
    this.#boot("last");
  }

  /** Looks for tasks that wait for a word, and says one. */
  async #person(): Promise<void> {
    const dice = this.#dice.fork("person");
    for (;;) {
      await this.time.pass(LOOK_MS);
      for (const { name } of this.#scenario.tasks) await this.#answer(refOf(name), dice);
    }
  }

  async #answer(ref: TaskRef, dice: Dice): Promise<void> {
    if (this.#phases.get(`default/${ref.name}`)?.at(-1) !== "Unknown") return;
    const task = await readTask(this.#redis, ref);
    for (const { id } of task?.activations.filter(({ phase }) => phase === "Unknown") ?? []) {
      const step = await readBegunStep(this.#redis, ref, id);
      if (step === undefined) continue;
      const word = dice.pick(["done", "again", "again", "fail"]);
      this.#say(`person: ${word} for ${step.step} of ${ref.name} ${id}`);
      const said = {
        done: { step: { ...step, state: "done" as const, tool: { text: "a person saw it", isError: false } } },
        again: { step: { ...step, state: "decided" as const } },
        fail: { failure: { code: "EFFECT_UNKNOWN", message: "a person gave it up" } },
      }[word];
      const drafts = [
        { type: "approval.decided" as const, at: new Date(this.time.wallMs()).toISOString(), activation: id },
      ];
      const answer = await resolveUnknown(this.#redis, this.#queue, { task: ref, activation: id, drafts, ...said });
      if (answer.outcome === "resolved" && word === "again") {
        this.#words.push({ task: `default/${ref.name}`, activation: id, step: step.step });
      }
    }
  }

  #see(key: string, field: string, value: string): void {
    const name = /^cw:\{t:sim\/(.*)\}:(task|journal)$/.exec(key);
    const task = name?.[1] ?? "";
    if (name?.[2] === "journal") {
      this.#seqs.set(task, Number(field.split("-", 1)[0]));
      if (this.#logs) this.#tellEvent(task, value);
    }
    if (name?.[2] !== "task" || field !== "phase") return;
    this.#phases.set(task, [...(this.#phases.get(task) ?? []), value as TaskPhase]);
    this.#say(`${task}: ${value}`);
  }

  #tellEvent(task: string, json: string): void {
    const { seq, type, activation = "", epoch = "", step = "", ...event } = JSON.parse(json) as TraceEvent;
    const more =
      ["runner", "code", "tool"].map((field) => event[field]).filter((fact) => typeof fact === "string")[0] ?? "";
    this.#say(`${task} ${seq} ${type} ${activation} epoch ${epoch} ${step} ${more}`.replace(/ +/g, " "));
  }

  #say(line: string): void {
    if (this.#logs) this.log.push(`${((this.time.now() - 1_000_000) / 1_000).toFixed(3)} ${line}`);
    if (/\bBUG\b/.test(line)) this.bugs.push(line);
  }

  #isQuiet(): boolean {
    const { tasks } = this.#scenario;
    const ended = tasks.filter(({ name }) => {
      const phase = this.#phases.get(`default/${name}`)?.at(-1);
      return phase !== undefined && hasEnded(phase);
    });
    return ended.length === tasks.length && this.#leftovers().length === 0;
  }

  #leftovers(): readonly string[] {
    const live = this.#server.run("ZRANGE", [environmentKeys(ENV).live, "0", "-1"]);
    return [
      ...this.#bells.ids().map((id) => `the bell ${id}`),
      ...(Array.isArray(live) ? live.map((member) => `${String(member)} in the live index`) : []),
    ];
  }

  async history(): Promise<History> {
    const tasks: TaskHistory[] = [];
    for (const { name, cancelAtMs } of this.#scenario.tasks)
      tasks.push(await this.#taskHistory(name, cancelAtMs !== undefined));
    const traces = tasks.map(
      ({ id, events, record: task, steps }) => [id, JSON.stringify({ events, task, steps })] as const,
    );
    return {
      tasks,
      calls: this.#outside.calls,
      turns: this.#outside.turns,
      retriesByPerson: this.#words,
      canaries: [CANARY],
      sinks: { ...Object.fromEntries(traces), log: this.log.join("\n") },
      leftovers: this.#leftovers(),
    };
  }

  async #taskHistory(name: string, isCancelled: boolean): Promise<TaskHistory> {
    const ref = refOf(name);
    const found = await readTask(this.#redis, ref);
    if (found === undefined) throw new Error(`the task ${name} was lost`);
    const steps = await Promise.all(found.activations.map(({ id }) => this.#redis.hvals(stepsKey(ref, id))));
    const fields = await this.#redis.hgetall(taskKeys(ref).task);
    const amount = (field: string): number => Number(fields[field]);
    const { ceiling, failing, tightened } = this.#scenario;
    const takeovers = Math.max(...found.activations.map(({ attempts }) => attempts));
    return {
      id: `default/${name}`,
      record: found,
      events: await readTrace(this.#redis, ref),
      steps: steps.flat().map((text) => readStep(name, text)),
      ledger: {
        inputTokens: amount("inputTokens"),
        outputTokens: amount("outputTokens"),
        reservedTokens: amount("reservedTokens"),
        costUsd: null,
      },
      phases: this.#phases.get(`default/${name}`) ?? [],
      heads: this.#heads.get(taskKeys(ref).task) ?? [],
      ceiling,
      mayEndWith: [
        ...(isCancelled ? ["CANCELLED"] : []),
        ...(ceiling === null ? [] : ["BUDGET_TOKENS"]),
        ...(failing === undefined ? [] : ["MODEL_EMPTY"]),
        ...(tightened === undefined ? [] : ["TOOL_BLOCKED"]),
        ...(takeovers > 5 ? ["KILLS_RUNNERS"] : []),
        "EFFECT_UNKNOWN",
      ],
    };
  }
}

function refOf(name: string): TaskRef {
  return { env: ENV, namespace: "default", name };
}

/** Some runs are calm, so that what goes wrong in them comes from the blows alone. */
function rollFaults(dice: Dice, leaseMs: number): Faults {
  if (dice.chance(0.2)) return { ...NO_FAULTS, longestMs: 20 };
  return {
    lostCommands: dice.next() * 0.03,
    lostAnswers: dice.next() * 0.05,
    repeats: dice.next() * 0.05,
    hanging: dice.next() * 0.03,
    longestMs: dice.pick([5, 30, 150]),
    longestHangMs: dice.pick([200, leaseMs, 3 * leaseMs]),
  };
}
