// Schedules over a real Redis: each slot is one task, whoever looks and whoever dies; bells follow what is applied.
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import type { Address } from "../../../contracts/address.ts";
import { applyPlan, leaveUnchanged } from "../../../reconciler/apply/apply-plan.ts";
import { schedulesProbe } from "../../../reconciler/drift/probes/schedules.ts";
import type { LoadedManifest } from "../../../reconciler/load/desired-set.ts";
import { AppliedState } from "../../../reconciler/triggers/applied-state.ts";
import type { ScheduleEvent, TriggerEvent } from "../../../reconciler/triggers/events.ts";
import { healSchedules, readScheduleWorld } from "../../../reconciler/triggers/heal-schedules.ts";
import { runSchedules } from "../../../reconciler/triggers/run-schedules.ts";
import { sweepSchedules } from "../../../reconciler/triggers/sweep-schedules.ts";
import { connectRedis, type Redis } from "../../../store/connect.ts";
import { finishTask } from "../../../store/finish-task.ts";
import { environmentKeys, taskKeys } from "../../../store/keys.ts";
import { openScheduleBells, type ScheduleBells } from "../../../store/schedule-bells.ts";
import { pendingTriggers, readSchedules } from "../../../store/schedules.ts";
import { readTools, tellTools } from "../../../store/sightings.ts";
import { listTasks, readTrace } from "../../../store/tasks.ts";
import { type ProxiedCommand, redisProxy } from "../../faults/redis-proxy.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../../redis.ts";
import { openWorld, type World } from "../apply/world.ts";
import { manifest, source } from "../plan/builders.ts";

const SYSTEM = [manifest("Agent", "a", { model_ref: "m" }), manifest("AgentSystem", "s", { agents: ["a"] })];
const TEMPLATE = manifest("Task", "report", { system: "s", mode: "template", input: { topic: "tides" } });
const ADDRESS = "TaskSchedule/default/nightly" as Address;

function schedule(spec: Readonly<Record<string, unknown>> = {}, name = "nightly", annotations = {}): LoadedManifest {
  return manifest("TaskSchedule", name, { schedule: "*/10 * * * *", task_ref: "report", ...spec }, { annotations });
}

const set = (...more: LoadedManifest[]): LoadedManifest[] => [...SYSTEM, TEMPLATE, ...more];

describeWithRedis("schedules", () => {
  let server: TestRedis;
  let world: World;
  let bells: ScheduleBells;
  const open: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    for (const close of open.splice(0)) await close();
  });

  /** Applied at noon. */
  async function applied(...sets: LoadedManifest[][]): Promise<World> {
    world = openWorld(server.url);
    bells = openScheduleBells(world.redis, world.env);
    open.push(async () => {
      await bells.close();
      await world.close();
    });
    for (const manifests of sets) expect(await world.apply(manifests)).toMatchObject({ outcome: "applied" });
    return world;
  }

  async function lookAt(time: string, redis: Redis = world.redis): Promise<ScheduleEvent[]> {
    const events: ScheduleEvent[] = [];
    const now = (): Date => new Date(`2026-11-01T${time}Z`);
    await sweepSchedules({ ...world.writer, redis, now, emit: (event) => events.push(event) });
    return events;
  }

  const tasks = async (): Promise<string[]> =>
    (await listTasks(world.redis, world.env)).map(({ name }) => name).toSorted();
  const remembered = async () => (await readSchedules(world.redis, world.env)).map(({ value }) => value);

  async function end(name: string, phase: string): Promise<void> {
    const ref = { env: world.env, namespace: "default", name };
    await world.redis.hset(taskKeys(ref).task, "phase", phase);
    await finishTask(world.redis, ref);
  }

  it("make a task when they are due, with what asked for it in its record and its trace", async () => {
    await applied(set(schedule()));
    expect(await bells.list()).toEqual([{ id: ADDRESS, pattern: "*/10 * * * *", zone: "UTC" }]);
    expect(await lookAt("12:09:59")).toEqual([]);
    const name = "nightly-202611011210";
    const slot = "2026-11-01T12:10:00.000Z";
    expect(await lookAt("12:10:01")).toEqual([{ type: "schedule-fired", schedule: ADDRESS, slot, task: name }]);
    expect(await lookAt("12:10:02")).toEqual([]);
    const trigger = { kind: "schedule", address: ADDRESS, slot };
    const [task] = await listTasks(world.redis, world.env);
    expect(task).toMatchObject({ name, system: "s", input: { topic: "tides" }, trigger });
    expect(task?.source).toEqual({ commit: source([]).identity.headSha, file: "nightly.yaml", line: 1 });
    const [created] = await readTrace(world.redis, { env: world.env, namespace: "default", name });
    expect(created).toMatchObject({ type: "task.created", trigger });
  });

  it("make one task of a slot, however many reconcilers look at once", async () => {
    await applied(set(schedule({ concurrency_policy: "allow" }), schedule({ concurrency_policy: "allow" }, "other")));
    for (const time of ["12:10:01", "12:20:01"]) await Promise.all(Array.from({ length: 4 }, () => lookAt(time)));
    const names = ["nightly-202611011210", "nightly-202611011220", "other-202611011210", "other-202611011220"];
    expect(await tasks()).toEqual(names);
    expect((await remembered()).map(({ claimed, made }) => [claimed.length, made.length])).toEqual([
      [0, 2],
      [0, 2],
    ]);
  });

  it("make one task of a slot, wherever the look before it died", async () => {
    await applied(set(schedule({ successful_history_limit: 1_000 })));
    const proxy = await redisProxy(server.url);
    let slots = 0;
    for (let at = 1, reached = true; reached; at += 1) {
      slots += 1;
      const minute = 10 * slots;
      const time = `${12 + Math.floor(minute / 60)}:${String(minute % 60).padStart(2, "0")}`;
      const through = connectRedis(proxy.url, "command");
      const begun = proxy.commands.length;
      proxy.judge = (command: ProxiedCommand) => (command.count - begun === at ? "cut-before" : "pass");
      proxy.onCut = () => through.disconnect();
      await lookAt(`${time}:01`, through).catch((error: unknown) => expect(error).toHaveProperty("code"));
      through.disconnect();
      reached = proxy.commands.length - begun >= at;
      await lookAt(`${time}:05`);
      const made = await tasks();
      expect([at, made.length]).toEqual([at, slots]);
      await end(made.at(-1) ?? "", "Succeeded");
    }
    await proxy.stop();
    expect(slots).toBeGreaterThan(5);
    expect((await remembered())[0]).toMatchObject({ claimed: [], missed: 0 });
  });

  it("follow the plan: what changes changes, what is pruned stops", async () => {
    await applied(set(schedule()), set(schedule({ schedule: "0 7 * * *", time_zone: "Europe/Prague" })));
    expect(await bells.list()).toEqual([{ id: ADDRESS, pattern: "0 7 * * *", zone: "Europe/Prague" }]);
    expect(await lookAt("12:10:01")).toEqual([]);
    await world.apply(set(schedule({ suspend: true })));
    expect(await bells.list()).toEqual([]);
    await world.apply(set(schedule()));
    expect(await bells.list()).toHaveLength(1);
    await world.apply(set());
    expect([await bells.list(), await remembered(), await tasks()]).toEqual([[], [], []]);
    expect(await lookAt("12:10:01")).toEqual([]);
  });

  it("keep their memory when they move: no slot twice, none lost", async () => {
    await applied(set(schedule({ concurrency_policy: "allow" })));
    await lookAt("12:10:01");
    const spec = { concurrency_policy: "allow" };
    const moved = schedule(spec, "daily", { "countwheel.dev/moved-from": "nightly" });
    expect(await world.apply(set(moved))).toMatchObject({ outcome: "applied" });
    expect((await bells.list()).map(({ id }) => id)).toEqual(["TaskSchedule/default/daily"]);
    expect(await lookAt("12:10:30")).toEqual([]);
    await lookAt("12:20:01");
    expect(await tasks()).toEqual(["daily-202611011220", "nightly-202611011210"]);
    expect((await remembered()).map(({ made }) => made.length)).toEqual([2]);
  });

  it("replace a task that still runs where that is asked for, and wait for it otherwise", async () => {
    await applied(set(schedule({ concurrency_policy: "replace" }), schedule({}, "patient")));
    await lookAt("12:10:01");
    const events = await lookAt("12:20:01");
    expect(events.map(({ type, schedule: address }) => [type, address])).toEqual([
      ["schedule-fired", ADDRESS],
      ["schedule-missed", "TaskSchedule/default/patient"],
    ]);
    const cancels = ["nightly-202611011210", "nightly-202611011220", "patient-202611011210"].map((name) =>
      world.redis.hget(taskKeys({ env: world.env, namespace: "default", name }).task, "cancel"),
    );
    expect(await Promise.all(cancels)).toEqual(["1", "", ""]);
  });

  it("drop what is beyond the history limits, with all of its keys", async () => {
    await applied(set(schedule({ successful_history_limit: 1, failed_history_limit: 1 })));
    for (const [minute, phase] of [
      [10, "Succeeded"],
      [20, "Failed"],
      [30, "Succeeded"],
      [40, "Failed"],
    ] as const) {
      await lookAt(`12:${minute}:01`);
      await end(`nightly-2026110112${minute}`, phase);
    }
    await lookAt("12:41:00");
    expect(await tasks()).toEqual(["nightly-202611011230", "nightly-202611011240"]);
    expect(await world.redis.keys(`*${world.env}/default/nightly-202611011210}:[^t]*`)).toEqual([]);
  });

  it("count a slot as missed that nothing can be made of", async () => {
    await applied(set(schedule({ task_ref: "report" })));
    await world.redis.hdel(environmentKeys(world.env).records, "AgentSystem/default/s");
    expect(await lookAt("12:10:01")).toMatchObject([{ type: "schedule-missed", why: "impossible" }]);
    expect((await remembered())[0]).toMatchObject({ claimed: [], missed: 1 });
  });

  it("leave an order behind that is carried out after a crash, wherever it came", async () => {
    await applied(set(schedule()));
    const moved = schedule({ schedule: "0 7 * * *" }, "daily", { "countwheel.dev/moved-from": "nightly" });
    const other = schedule({ schedule: "0 8 * * *" }, "other");
    const sets = [set(moved, other), set(schedule({}, "nightly", { "countwheel.dev/moved-from": "daily" }))];
    const proxy = await redisProxy(server.url);
    for (let at = 1, reached = true; reached; at += 3) {
      const wanted = sets[at % 2] ?? [];
      const through = connectRedis(proxy.url, "command");
      const begun = proxy.commands.length;
      proxy.judge = ({ count }) => (count - begun === at ? "cut-after" : "pass");
      proxy.onCut = () => through.disconnect();
      const writer = { ...world.writer, redis: through };
      const made = await world.planned(wanted);
      const work = { plan: made, manifests: wanted, observed: await world.read() };
      if (made.changes.length > 0)
        await applyPlan(writer, work).catch((error: unknown) => expect(error).toHaveProperty("code"));
      through.disconnect();
      reached = proxy.commands.length - begun >= at;
      await world.redis.hset(environmentKeys(world.env).lock, "until", 0);
      const again = await world.planned(wanted);
      if (again.changes.length > 0) await world.applyPlan(again, wanted);
      else await leaveUnchanged(world.writer, await world.read());
      const names = wanted.flatMap(({ address }) => (address.startsWith("TaskSchedule/") ? [address] : [])).toSorted();
      expect([at, (await bells.list()).map(({ id }) => id)]).toEqual([at, names]);
      expect((await remembered()).map(({ address }) => address)).toEqual(names);
      expect(await pendingTriggers(world.redis, world.env)).toEqual([]);
    }
    await proxy.stop();
  });

  it("are found missing and different by drift, and put back", async () => {
    await applied(set(schedule(), schedule({}, "other"), schedule({}, "third")));
    await bells.takeDown(ADDRESS);
    await bells.hang({ id: "TaskSchedule/default/other", pattern: "0 0 1 1 *", zone: "UTC" });
    await bells.hang({ id: "TaskSchedule/default/stray", pattern: "0 0 1 1 *", zone: "UTC" });
    await world.redis.hdel(environmentKeys(world.env).schedules, "TaskSchedule/default/third");
    const probe = schedulesProbe(() => readScheduleWorld(world));
    const look = async () => {
      const { records } = await world.read();
      const { findings, unknown } = await probe.look([...records.values()], new AbortController().signal);
      return [findings.map(({ record, code }) => [record.manifest.metadata.name, code]), unknown];
    };
    expect(await look()).toEqual([
      [
        ["nightly", "SCHEDULE_MISSING"],
        ["other", "SCHEDULE_DIFFERS"],
        ["third", "SCHEDULE_MISSING"],
      ],
      [expect.stringContaining("TaskSchedule/default/stray")],
    ]);
    await healSchedules(world.writer);
    expect(await look()).toEqual([[], []]);
    expect((await bells.list()).map(({ id }) => id)).toEqual([
      ADDRESS,
      "TaskSchedule/default/other",
      "TaskSchedule/default/third",
    ]);
  });

  it("ring: a slot that comes due while the reconciler runs is made at once", async () => {
    await applied(set(schedule({ schedule: "* * * * *" })));
    const stop = new AbortController();
    const events: TriggerEvent[] = [];
    const ears = connectRedis(server.url, "worker");
    let now = new Date("2026-11-01T12:00:30Z");
    const drift = { intervalMs: 60_000, ignore: [], selfHeal: [] };
    const running = runSchedules({
      ...world.writer,
      now: () => now,
      ears,
      state: new AppliedState(world.redis, world.env, () => now),
      drift,
      random: () => 0.5,
      emit: (event) => events.push(event),
      signal: stop.signal,
    });
    // BullMQ goes by the real clock, whatever ours says: this bell rings every second, and says no more than "look".
    await bells.hang({ id: "TaskSchedule/default/another", pattern: "* * * * * *", zone: "UTC" });
    now = new Date("2026-11-01T12:01:01Z");
    await vi.waitFor(() => expect(events).toMatchObject([{ type: "schedule-fired" }]), 4_500);
    stop.abort();
    await running;
    ears.disconnect();
  });

  it("and what was seen of an MCP server that is another one now is forgotten", async () => {
    const server1 = (command: string) => manifest("McpServer", "files", { transport: "stdio", command });
    await applied(set(server1("old")));
    const seen = {
      namespace: "default",
      server: "files",
      launch: "x",
      tools: {},
      texts: {},
      pins: [],
      runner: "r",
      at: "2026-11-01T12:00:00Z",
    };
    await tellTools(world.redis, world.env, seen);
    await world.apply(set(server1("old"), schedule()));
    expect(await readTools(world.redis, world.env)).toHaveLength(1);
    await world.apply(set(server1("new"), schedule()));
    expect(await readTools(world.redis, world.env)).toEqual([]);
  });
});
