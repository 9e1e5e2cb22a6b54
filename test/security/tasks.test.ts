// Tasks in a Redis that somebody else writes to, or that takes no writes: what cannot be believed is named and has no
// effect, the runner lives, and other tasks go on.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parseStateKey, type StateKey } from "../../contracts/state-key.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { QUEUE_NAME, queuePrefix, snapshotKey, taskKeys, taskMember } from "../../store/keys.ts";
import { openQueue } from "../../store/queue.ts";
import { sealTasks } from "../../store/seal-tasks.ts";
import { readSnapshot } from "../../store/snapshots.ts";
import { createTask, readTask } from "../../store/tasks.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { openToolServer, type ToolServer } from "../runner/tool-server.ts";
import { agent, chainVerdict, mockModel, openWorld, system, type World } from "../runner/world.ts";
import { claim1, newEnv, taskOf, until } from "../store/world.ts";

const SET = [agent("a"), agent("b"), system("line", ["a", "b"]), mockModel("mock")];

/** What is changed below the key of a task, and what the task or the runner says then. */
type Damage = readonly [name: string, change: (redis: Redis, ref: TaskRef) => Promise<unknown>];

const field =
  (name: string, value: string): Damage[1] =>
  (redis, ref) =>
    redis.hset(taskKeys(ref).task, name, value);
const visit =
  (name: string, value: string): Damage[1] =>
  (redis, ref) =>
    redis.hset(taskKeys(ref).activations, `a#1/${name}`, value);
const ofAnotherKind =
  (key: "task" | "activations" | "journal" | "open"): Damage[1] =>
  async (redis, ref) => {
    await redis.del(taskKeys(ref)[key]);
    await redis.set(taskKeys(ref)[key], "x");
  };

const DAMAGES: Damage[] = [
  ["the input is another", field("input", '{"topic":"clocks!"}')],
  ["the system is another", field("system", "other")],
  ["the snapshot is another", field("snapshot", `sha256:${"0".repeat(64)}`)],
  ["the limits are longer", field("durationMs", "999999999")],
  ["it may be tried more often", field("maxAttempts", "9")],
  ["somebody else asked for it", field("requestedBy", '{"kind":"person","name":"eve"}')],
  ["the tokens are no number", field("inputTokens", "many")],
  ["the graph is no JSON", field("graph", "{")],
  ["the end of its trace is gone", (redis, ref) => redis.hdel(taskKeys(ref).task, "head")],
  ["its number of tries is none", visit("attempts", "x")],
  ["its epoch is none", visit("epoch", "x")],
  ["its lease is none", (redis, ref) => redis.hset(taskKeys(ref).activations, "a#1/phase", "Leased", "a#1/until", "x")],
  ["its messages are no JSON", visit("messages", "[")],
  ["the record is no hash", ofAnotherKind("task")],
  ["the visits are no hash", ofAnotherKind("activations")],
  ["the trace is no stream", ofAnotherKind("journal")],
];

describeWithRedis("a task", () => {
  let server: TestRedis;
  let world: World;
  let said: string[];
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    world = openWorld(server.url);
    said = [];
    await world.apply(SET);
  });
  afterEach(() => world.close());
  const runner = () => world.runner({ concurrency: 2, leaseMs: 1_500, say: (line) => said.push(line) });

  it("that somebody changed is named and does not run, and the next one does", async () => {
    const damaged: (readonly [name: string, ref: TaskRef])[] = [];
    for (const [name, change] of DAMAGES) {
      const ref = await world.start(SET, "line");
      await change(world.redis, ref);
      damaged.push([name, ref]);
    }
    const good = await world.start(SET, "line");
    await runner();
    expect((await world.ended(good)).phase).toBe("Succeeded");
    const named = ({ name }: TaskRef): boolean =>
      said.some((line) => line.includes("STATE_CORRUPT") && new RegExp(`${name}\\b`).test(line));
    const unnamed = (): string[] => damaged.flatMap(([name, ref]) => (named(ref) ? [] : [name]));
    await expect.poll(unnamed, { timeout: 15_000 }).toEqual([]);
    const ended = await Promise.all(damaged.map(([, ref]) => readTask(world.redis, ref).catch(() => undefined)));
    expect(ended.filter((task) => task?.phase === "Succeeded")).toEqual([]);
    expect(said.filter((line) => line.includes("BUG"))).toEqual([]);
  });

  it.each([
    ["number", "seq", "0"],
    ["hash", "head", `sha256:${"0".repeat(64)}`],
  ])("of whose trace's end somebody changed the %s has a chain that is broken", async (_what, name, value) => {
    const ref = await world.start(SET, "line");
    await field(name, value)(world.redis, ref);
    await runner();
    await world.ended(ref);
    expect(await chainVerdict(world, ref)).toBe("broken");
  });

  it("is found by no job that somebody forged: of a task that is not there, of a visit that has ended or never was", async () => {
    await runner();
    const ref = await world.start(SET, "line");
    const before = await world.ended(ref);
    const { Queue } = await import("bullmq");
    const forger = new Queue(QUEUE_NAME, { connection: world.redis, prefix: queuePrefix(world.env) });
    for (const [name, activation] of [
      [ref.name, "a#1"],
      [ref.name, "a#9"],
      [ref.name, "eve#1"],
      ["nobody", "a#1"],
    ]) {
      await forger.add("activation", { namespace: "default", name, activation, command: "id" });
    }
    await until("all are heard", async () => (await forger.getJobCountByTypes("wait", "active", "delayed")) === 0);
    expect(await world.task(ref)).toEqual(before);
    expect(await readTask(world.redis, { ...ref, name: "nobody" })).toBeUndefined();
    await forger.close();
  });

  describe("in the middle of a call", () => {
    let tools: ToolServer;
    beforeEach(async () => {
      tools = await openToolServer();
    });
    afterEach(() => tools.close());

    async function called() {
      const model = mockModel("mock", [{ agent: "a", turn: 1, call: [{ tool: "look" }] }, { say: "done" }]);
      const set = [
        agent("a", { tools: ["look"] }),
        agent("b"),
        system("line", ["a", "b"]),
        tools.tool("look", { effect: "idempotent" }),
        model,
      ];
      await world.apply(set);
      await runner();
      const calling = tools.nextCall();
      const ref = await world.start(set, "line");
      return { ref, set, call: await calling };
    }
    const config = (name: string, value: string): Promise<unknown> => world.redis.config("SET", name, value);

    it.each([
      ["is out of memory", "REDIS_FULL", ["maxmemory", "1"], ["maxmemory", "0"]],
      [
        "is a replica without its replicas",
        "REDIS_READONLY",
        ["min-replicas-to-write", "1"],
        ["min-replicas-to-write", "0"],
      ],
    ] as const)(
      "waits where Redis %s, and ends with the same call once it takes writes again",
      async (_name, code, hurt, mend) => {
        const { ref, call } = await called();
        await config(hurt[0], hurt[1]);
        try {
          call.answer();
          tools.answerAtOnce();
          await until("it is told", async () => said.some((line) => line.includes(code)));
        } finally {
          await config(mend[0], mend[1]);
        }
        expect((await world.ended(ref, 25_000)).phase).toBe("Succeeded");
        expect(new Set(tools.keys).size).toBe(1);
      },
    );

    it("is over where Redis lost it, writes nothing, and the runner takes the next", async () => {
      const { ref, set, call } = await called();
      await world.redis.flushall();
      call.answer();
      tools.answerAtOnce();
      await world.apply(set);
      const next = await world.start(set, "line");
      expect((await world.ended(next, 25_000)).phase).toBe("Succeeded");
      expect(await world.redis.exists(...Object.values(taskKeys(ref)))).toBe(0);
    });
  });
});

describeWithRedis("a task under a state key", () => {
  const KEY = "k".repeat(32);
  let server: TestRedis;
  let plain: Redis;
  let keyed: Redis;
  beforeAll(async () => {
    server = await testRedis();
    plain = connectRedis(server.url, "command");
    keyed = connectRedis(server.url, "command", keyOf(KEY));
  });
  afterAll(async () => {
    await Promise.all([closeRedis(plain), closeRedis(keyed)]);
    await server.stop();
  });
  async function made(redis: Redis) {
    const queue = openQueue(redis, newEnv());
    const task = taskOf(queue.env);
    await createTask(redis, queue, task);
    await queue.close();
    return task.ref;
  }

  it("is claimed where it carries the seal, and not where somebody made or changed it without the key", async () => {
    const [good, changed, forged] = [await made(keyed), await made(keyed), await made(plain)];
    await plain.hset(taskKeys(changed).task, "input", '{"topic":"money"}');
    expect(await claim1(keyed, good, "r1")).toMatchObject({ outcome: "claimed" });
    await expect(claim1(keyed, changed, "r1")).rejects.toMatchObject({ code: "STATE_CORRUPT" });
    await expect(claim1(keyed, forged, "r1")).rejects.toMatchObject({ code: "STATE_UNSEALED" });
    await expect(claim1(plain, good, "r1")).rejects.toMatchObject({ code: "STATE_KEY_MISSING" });
  });

  it("does not take the seal of another one", async () => {
    const [one, other] = [await made(keyed), await made(keyed)];
    const seal = (await plain.hget(taskKeys(one).task, "seal")) ?? "";
    await plain.hset(taskKeys(other).task, "seal", seal);
    await expect(claim1(keyed, other, "r1")).rejects.toMatchObject({ code: "STATE_CORRUPT" });
  });

  it("of a time without a key is sealed once, with the state", async () => {
    const ref = await made(plain);
    expect(await sealTasks(keyed, ref.env)).toBe(1);
    expect(await claim1(keyed, ref, "r1")).toMatchObject({ outcome: "claimed" });
    const damaged = await made(plain);
    await plain.hset(taskKeys(damaged).task, "input", "{}");
    await expect(sealTasks(keyed, damaged.env)).rejects.toMatchObject({
      code: "STATE_CORRUPT",
      message: expect.stringContaining(taskMember(damaged)),
    });
  });

  it("reads no definitions that do not match the name that its seal covers", async () => {
    const world = openWorld(server.url);
    const ref = await world.start(SET, "line");
    const { snapshot } = await world.task(ref);
    await world.close();
    const read = (redis: Redis) => readSnapshot(redis, ref.env, snapshot);
    const whole = await read(keyed);
    const { digestText } = await import("../../contracts/canonical.ts");
    const json = JSON.stringify(whole).replace("You are a.", "You are evil.");
    await plain.set(snapshotKey(ref.env, snapshot), `${digestText(json)} ${json}`);
    await expect(read(keyed)).rejects.toMatchObject({ code: "STATE_CORRUPT" });
  });
});

function keyOf(text: string): StateKey {
  const key = parseStateKey(text);
  if (key === undefined) throw new Error("the key is too short");
  return key;
}
