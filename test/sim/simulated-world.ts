// The world of one simulation: its scenario, its runners, and whatever strikes them, on a virtual clock.
import { type Graph, readGraph } from "../../contracts/graph.ts";
import { specOf } from "../../contracts/kinds.ts";
import { makeTask } from "../../contracts/new-task.ts";
import { makeSnapshot } from "../../contracts/snapshot.ts";
import type { TaskPhase, TaskRef } from "../../contracts/task.ts";
import { hasEnded } from "../../contracts/task.ts";
import { readBudgets } from "../../store/budgets.ts";
import type { Redis } from "../../store/connect.ts";
import { environmentKeys, taskKeys } from "../../store/keys.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { putSnapshot } from "../../store/snapshots.ts";
import { createTask, requestCancel } from "../../store/tasks.ts";
import type { History, SharedLedger, TaskHistory } from "../history/history.ts";
import { applyAll, record, requestOf } from "../runner/world.ts";
import { Bells, openBellQueue } from "./bells.ts";
import { openClient, SHORT_WIRE, type Wire } from "./client.ts";
import { type Dice, rollDice } from "./dice.ts";
import { Eyes } from "./eyes.ts";
import type { LuaScripts } from "./lua-scripts.ts";
import { MemoryRedis } from "./memory-redis.ts";
import { type Blow, planBlows } from "./nemesis.ts";
import { type Faults, NO_FAULTS, openRoute, rollFaults } from "./network.ts";
import { type Outside, openOutside } from "./outside.ts";
import { LOOK_MS, Person } from "./person.ts";
import { CANARY, makeScenario, policy, type Scenario } from "./scenario.ts";
import { type SimRunner, startSimRunner } from "./sim-runner.ts";
import { taskHistory } from "./task-history.ts";
import { bootMachine, type Machine, VirtualTime } from "./virtual-time.ts";

const ENV = "sim";
/** Simulated time in which everything must have come to its end once nothing goes wrong any more. */
const AFTERWARDS_MS = 240_000;

export class SimulatedWorld {
  readonly log: string[] = [];
  readonly bugs: string[] = [];
  readonly #logs: boolean;
  readonly #eyes: Eyes;
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
  readonly #person: Person;
  readonly #runners = new Map<string, SimRunner>();
  #faults: Faults;
  #made = 0;

  constructor(seed: string, scripts: LuaScripts, logs: boolean) {
    this.#logs = logs;
    this.#eyes = new Eyes((line) => this.#say(line), logs);
    this.#dice = rollDice(seed);
    this.#scenario = makeScenario(this.#dice.fork("scenario"));
    this.#faults = rollFaults(this.#dice.fork("faults"), this.#scenario.leaseMs);
    this.time = new VirtualTime(this.#world);
    this.#server = new MemoryRedis(() => this.time.wallMs(), scripts);
    this.#server.watch((key, field, value) => this.#eyes.see(key, field, value));
    this.#redis = openClient(this.#server);
    this.#bells = new Bells(this.time, this.#serverMachine);
    this.#queue = openBellQueue(this.#bells, ENV, SHORT_WIRE);
    this.#outside = openOutside({
      time: this.time,
      dice: this.#dice.fork("outside"),
      machine: this.#world,
      failing: this.#scenario.failing,
      seqOf: (task) => this.#eyes.seqOf(task),
      say: (line) => this.#say(line),
    });
    this.#person = new Person({
      time: this.time,
      dice: this.#dice.fork("person"),
      redis: this.#redis,
      queue: this.#queue,
      inPhase: (...phases) => this.#refs().filter(({ name }) => phases.includes(this.#phase(name) ?? "Pending")),
      graphOf: ({ name }) => this.#graphOf(this.#scenario.tasks.find((task) => task.name === name)?.system ?? ""),
      say: (line) => this.#say(line),
    });
  }

  #phase(name: string): TaskPhase | undefined {
    return this.#eyes.phases(`default/${name}`).at(-1);
  }

  #graphOf(system: string): Graph {
    const spec = this.#scenario.manifests.map((content) =>
      content.metadata.name === system ? specOf(content, "AgentSystem") : undefined,
    );
    return readGraph(spec.find((found) => found !== undefined) ?? { agents: [] });
  }

  #refs(): readonly TaskRef[] {
    return this.#scenario.tasks.map(({ name }) => refOf(name));
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
    this.time.start(this.#world, () => this.#person.watch());
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

  async #startTask({ name, system, maxTurns, limits }: Scenario["tasks"][number]): Promise<void> {
    const graph = this.#graphOf(system);
    const snapshot = makeSnapshot(this.#scenario.manifests.map(record)).digest;
    const ref = refOf(name);
    const request = { ...requestOf(ref, system, snapshot), graph, maxTurns, limits, maxAttempts: 2 };
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
    const redis = openClient(this.#server, this.#eyes.listening(wire("commands")));
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

  #say(line: string): void {
    if (this.#logs) this.log.push(`${((this.time.now() - 1_000_000) / 1_000).toFixed(3)} ${line}`);
    if (/\bBUG\b/.test(line)) this.bugs.push(line);
  }

  #isQuiet(): boolean {
    const { tasks } = this.#scenario;
    const ended = tasks.filter(({ name }) => {
      const phase = this.#phase(name);
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

  async #shared(): Promise<SharedLedger | null> {
    const limits = this.#scenario.shared;
    const budgets = await readBudgets(this.#redis, ENV);
    const counted = (meter: string): number => {
      const found = budgets.filter(({ account }) => account.includes(`|${meter}|`));
      return found.reduce((sum, { spent, reserved }) => sum + spent + reserved, 0);
    };
    return limits === null ? null : { limits, tokens: counted("tokens"), steps: counted("steps") };
  }

  async history(): Promise<History> {
    const tasks: TaskHistory[] = [];
    for (const { name, cancelAtMs, limits } of this.#scenario.tasks) {
      const ref = refOf(name);
      const told = {
        scenario: this.#scenario,
        phases: this.#eyes.phases(`default/${name}`),
        heads: this.#eyes.heads(taskKeys(ref).task),
        isCancelled: cancelAtMs !== undefined,
        limits,
        retries: this.#person.retries.get(name) ?? 0,
      };
      tasks.push(await taskHistory(this.#redis, ref, told));
    }
    const traces = tasks.map(
      ({ id, events, record: task, steps }) => [id, JSON.stringify({ events, task, steps })] as const,
    );
    return {
      tasks,
      calls: this.#outside.calls,
      turns: this.#outside.turns,
      retriesByPerson: this.#person.words,
      asks: this.#scenario.asks === undefined ? [] : [this.#scenario.asks],
      asksTurns: this.#scenario.asksTurns,
      shared: await this.#shared(),
      canaries: [CANARY],
      sinks: { ...Object.fromEntries(traces), log: this.log.join("\n") },
      leftovers: this.#leftovers(),
    };
  }
}

function refOf(name: string): TaskRef {
  return { env: ENV, namespace: "default", name };
}
