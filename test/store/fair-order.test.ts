// Who is served in which order, and by whom: real BullMQ queues and workers, counted in activations, never in time.
import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Announced, Requirements } from "../../contracts/matching.ts";
import type { Priority } from "../../store/bell-terms.ts";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { HEAD_START } from "../../store/fair-order.ts";
import { lanesKey } from "../../store/keys.ts";
import { dropIdleLanes } from "../../store/lanes.ts";
import { type ActivationQueue, type Bell, openQueue } from "../../store/queue.ts";
import { type ActivationWorker, type ActivationWorkerOptions, startActivationWorker } from "../../store/worker.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { newEnv, until } from "./world.ts";

const anything: Announced = { gpu: false, models: [] };
const strong: Announced = { gpu: true, models: [] };

describeWithRedis("the order of bells", () => {
  let server: TestRedis;
  let redis: Redis;
  let workerRedis: Redis;
  let queue: ActivationQueue;
  const workers: ActivationWorker[] = [];
  beforeAll(async () => {
    server = await testRedis();
    redis = connectRedis(server.url, "command");
    workerRedis = connectRedis(server.url, "worker");
  });
  afterAll(async () => {
    await closeRedis(redis);
    await closeRedis(workerRedis);
    await server.stop();
  });
  beforeEach(() => {
    queue = openQueue(redis, newEnv());
    return async () => {
      for (const worker of workers.splice(0)) await worker.close();
      await queue.close();
    };
  });

  interface Kind {
    readonly priority?: Priority;
    readonly requirements?: Requirements;
  }

  function bell(namespace: string, name: string, { priority = "normal", requirements = {} }: Kind = {}): Bell {
    return { task: { env: queue.env, namespace, name }, activation: "a#1", terms: { priority, requirements } };
  }

  async function flood(namespace: string, count: number, kind: Kind = {}): Promise<void> {
    for (let from = 0; from < count; from += 1_000) {
      const length = Math.min(1_000, count - from);
      await queue.ring(Array.from({ length }, (_, index) => bell(namespace, `${kind.priority}-${from + index}`, kind)));
    }
  }

  async function startWorker(
    process: ActivationWorkerOptions["process"],
    more: Partial<ActivationWorkerOptions> = {},
  ): Promise<ActivationWorker> {
    const options = {
      redis: workerRedis,
      env: queue.env,
      concurrency: 1,
      announced: anything,
      leaseMs: 5_000,
      process,
    };
    const worker = startActivationWorker({ ...options, ...more });
    workers.push(worker);
    await worker.ready();
    return worker;
  }

  /** Works one by one until `name` was served, and tells how many were served before it. */
  async function servedBefore(
    name: string,
    onEach: (served: number) => Promise<void> = async () => {},
  ): Promise<number> {
    const seen: string[] = [];
    const worker = await startWorker(async ({ task }) => {
      if (seen.includes(name)) return;
      seen.push(task.name);
      await onEach(seen.length);
    });
    await until(`${name} is served`, async () => seen.includes(name));
    await worker.drain(1_000);
    return seen.indexOf(name);
  }

  test("lets a new task of one namespace pass the 10,000 of another", async () => {
    await flood("flood", 10_000);
    await queue.ring([bell("small", "first")]);
    expect(await servedBefore("first")).toBeLessThanOrEqual(2);
    const late = async (served: number): Promise<void> => {
      if (served === 50) await queue.ring([bell("other", "late")]);
    };
    expect(await servedBefore("late", late)).toBeLessThanOrEqual(50 + 2);
  });

  test("serves the namespaces in turn, however many bells each of them has", async () => {
    await flood("a", 30);
    await flood("b", 10);
    await flood("c", 20);
    const seen: string[] = [];
    await startWorker(async ({ task }) => void seen.push(task.namespace));
    await until("all", async () => seen.length === 60);
    const first = seen.slice(0, 30);
    expect(["a", "b", "c"].map((namespace) => first.filter((each) => each === namespace).length)).toEqual([10, 10, 10]);
  });

  test("serves high before normal before low, whichever came first", async () => {
    for (const priority of ["low", "normal", "high"] as const) await flood("a", 20, { priority });
    await flood("b", 5, { priority: "high" });
    const seen: string[] = [];
    await startWorker(async ({ task }) => void seen.push(task.name.split("-")[0] ?? ""));
    await until("all", async () => seen.length === 65);
    const expected = [Array(25).fill("high"), Array(20).fill("normal"), Array(20).fill("low")].flat();
    expect(seen).toEqual(expected);
  });

  test("starves nobody for a priority: a flood of high ones passes a low one of another namespace only so often", async () => {
    await queue.ring([bell("small", "low-one", { priority: "low" })]);
    await flood("flood", 200, { priority: "high" });
    expect(await servedBefore("low-one")).toBeLessThanOrEqual(2 * HEAD_START + 1);
  });

  test("gives bells that come back from a delay their place among the others, with the next sweep", async () => {
    const delayed = Array.from({ length: 40 }, (_, index) => bell("retries", `retry-${index}`));
    await queue.ring(delayed);
    let calls = 0;
    const first = await startWorker(async (_job, { delay }) => {
      calls += 1;
      delay(1);
    });
    await until("all are delayed once", async () => calls >= 40);
    await first.drain(1_000);
    await first.close();
    await queue.ring([bell("small", "next")]);
    await queue.bringForward(delayed);
    expect(await servedBefore("next")).toBeLessThanOrEqual(3);
  });

  test("brings a task only to who has what it requires, holds nobody else up, and waits for one who has", async () => {
    await queue.ring([bell("a", "gpu-1", { requirements: { gpu: true } })]);
    await flood("a", 5);
    const weak: string[] = [];
    await startWorker(async ({ task }) => void weak.push(task.name));
    await until("the others are done", async () => weak.length === 5);
    expect(await queue.withoutBell([bell("a", "gpu-1", { requirements: { gpu: true } })])).toEqual([]);
    const able: string[] = [];
    await startWorker(async ({ task }) => void able.push(task.name), { announced: strong });
    await until("the runner that came later has it", async () => able.length === 1);
    await queue.ring([bell("a", "gpu-2", { requirements: { gpu: true } })]);
    // A lane that is new while runners listen: they are told of it.
    await queue.ring([bell("a", "both", { requirements: { gpu: true, model: "llama" } })]);
    await until("the new ones", async () => able.length === 3);
    expect([weak.length, able.toSorted()]).toEqual([5, ["both", "gpu-1", "gpu-2"]]);
  });

  test("works on no more at once than its capacity over all lanes, and leaves the rest to a runner that is free", async () => {
    const requirements: readonly Requirements[] = [{}, { model: "m1" }, { model: "m2" }];
    const end = new AbortController();
    const work: Record<string, number> = { left: 0, right: 0 };
    const most: Record<string, number> = { left: 0, right: 0 };
    const busy = (id: string): ActivationWorkerOptions["process"] => {
      return async () => {
        work[id] = (work[id] ?? 0) + 1;
        most[id] = Math.max(most[id] ?? 0, work[id]);
        if (!end.signal.aborted) await once(end.signal, "abort");
        work[id] -= 1;
      };
    };
    const all = requirements.flatMap((each, lane) =>
      [1, 2].map((n) => bell("a", `t-${lane}-${n}`, { requirements: each })),
    );
    await queue.ring(all);
    await startWorker(busy("left"), { concurrency: 2 });
    await until("left is full", async () => work["left"] === 2);
    await startWorker(busy("right"), { concurrency: 3 });
    await until("right is full", async () => work["right"] === 3);
    end.abort();
    await until("all are done", async () => (await queue.withoutBell(all)).length === all.length);
    expect(most).toEqual({ left: 2, right: 3 });
  });

  test("rings at once in the place of a bell that a dead runner holds", async () => {
    const held = bell("a", "held");
    await queue.ring([held]);
    const dead = await startWorker(async (_job, { signal }) => void (await once(signal, "abort")), { leaseMs: 60_000 });
    await until("it is held", async () => (await redis.exists(`${queueKey(held)}:lock`)) === 1);
    await queue.ringAnew([held]);
    expect(await servedBefore("held")).toBe(0);
    await dead.drain(0);
  });

  function queueKey({ task, activation }: Bell): string {
    return `cw:{q:${queue.env}}:activations:${task.namespace}/${task.name}/${activation}`;
  }

  test("forgets a lane in which nothing rang for an hour, and only when it is empty", async () => {
    const gpu = bell("a", "gpu", { requirements: { gpu: true } });
    await queue.ring([gpu]);
    const later = Date.now() + 2 * 3_600_000;
    await dropIdleLanes(redis, queue.env, later);
    expect(await redis.zcard(lanesKey(queue.env))).toBe(1);
    const worker = await startWorker(async () => undefined, { announced: strong });
    await until("it rang", async () => (await queue.withoutBell([gpu])).length === 1);
    await worker.drain(0);
    await dropIdleLanes(redis, queue.env, later);
    expect(await redis.keys(`cw:{q:${queue.env}}:*lanes*`)).toEqual([]);
  });
});
