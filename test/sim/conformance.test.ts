import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readGraph } from "../../contracts/graph.ts";
import { makeTask, taskId } from "../../contracts/new-task.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { type ChainHead, chainEvents } from "../../contracts/trace.ts";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { stepsKey, taskKeys } from "../../store/keys.ts";
import type { Charge } from "../../store/ledger.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { appendEvents } from "../../store/scripts/append.ts";
import { cancelTask } from "../../store/scripts/cancel-task.ts";
import { claimActivation } from "../../store/scripts/claim.ts";
import { releaseActivation } from "../../store/scripts/release.ts";
import { renewLease } from "../../store/scripts/renew.ts";
import { resolveUnknown } from "../../store/scripts/resolve.ts";
import { sweepTasks } from "../../store/sweep.ts";
import { createTask, readTask, readTrace } from "../../store/tasks.ts";
import * as fc from "../property.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { openClient } from "./client.ts";
import { LuaScripts } from "./lua-scripts.ts";
import { MemoryRedis } from "./memory-redis.ts";

/** Lapses before the next operation; never lapses here. */
const LEASES = [1, 60_000] as const;
const ACTIVATIONS = ["a#1", "b#1", "c#1"] as const;
const HOLDERS = ["r1", "r2"] as const;
const AT = "2026-01-01T00:00:00.000Z";

const grantArb = { activation: fc.constantFrom(...ACTIVATIONS), holder: fc.constantFrom(...HOLDERS) };
const chargeArb: fc.Arbitrary<Charge | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.record({ kind: fc.constant("reserve" as const), tokens: fc.nat(60), limit: fc.constantFrom(null, 100) }),
  fc.record({
    kind: fc.constant("settle" as const),
    reserved: fc.nat(60),
    inputTokens: fc.nat(30),
    outputTokens: fc.nat(30),
    costUsd: fc.constantFrom(0, 0.25, null),
  }),
  fc.record({ kind: fc.constant("release" as const), reserved: fc.nat(60) }),
);
/** Which epoch and which head a holder believes in: what it was told last, or an older one. */
const belief = fc.constantFrom("last", "last", "last", "old");

const operationArb = fc.oneof(
  fc.record({ do: fc.constant("claim" as const), ...grantArb, leaseMs: fc.constantFrom(...LEASES) }),
  fc.record({ do: fc.constant("renew" as const), ...grantArb, leaseMs: fc.constantFrom(...LEASES), belief }),
  fc.record({
    do: fc.constant("append" as const),
    ...grantArb,
    belief,
    repeated: fc.boolean(),
    step: fc.boolean(),
    charge: chargeArb,
  }),
  fc.record({
    do: fc.constant("release" as const),
    ...grantArb,
    belief,
    repeated: fc.boolean(),
    phase: fc.constantFrom("Done" as const, "Runnable" as const, "Unknown" as const, "Failed" as const),
    runnableInMs: fc.constantFrom(0, 60_000),
    uncounted: fc.boolean(),
    ends: fc.constantFrom(undefined, undefined, undefined, "Succeeded" as const, "Failed" as const),
  }),
  fc.record({ do: fc.constant("cancel" as const), chance: fc.nat(3) }),
  fc.record({ do: fc.constant("resolve" as const), activation: fc.constantFrom(...ACTIVATIONS), fails: fc.boolean() }),
  fc.record({ do: fc.constant("sweep" as const) }),
  fc.record({ do: fc.constant("create" as const) }),
);

type Operation = typeof operationArb extends fc.Arbitrary<infer O> ? O : never;

/** One server under test, with what its holders were told so far. */
interface Side {
  readonly redis: Redis;
  readonly rung: string[];
  readonly queue: ActivationQueue;
  readonly epochs: Map<string, number>;
  head: ChainHead;
  oldHead: ChainHead;
}

function sideOf(redis: Redis, env: string): Side {
  const rung: string[] = [];
  const queue: ActivationQueue = {
    env,
    ring: async (bells) =>
      void rung.push(...bells.map(({ activation, terms }) => `${activation} ${JSON.stringify(terms)}`)),
    ringAnew: async () => undefined,
    withoutBell: async (jobs) => [...jobs],
    bringForward: async () => undefined,
    close: async () => undefined,
  };
  const nowhere = { seq: 0, head: "" };
  return { redis, rung, queue, epochs: new Map(), head: nowhere, oldHead: nowhere };
}

function newTask(ref: TaskRef) {
  return makeTask({
    ref,
    system: "line",
    graph: readGraph({ agents: ["a", "b", "c"], graph: { a: { edges: [{ to: "b" }, { to: "c" }] } } }),
    input: { topic: "tides" },
    priority: "high",
    maxAttempts: 2,
    retryBackoffMs: 5,
    maxTurns: null,
    snapshot: "sha256:s",
    manifest: null,
    source: null,
    plan: null,
    createdAt: AT,
  });
}

async function carryOut(side: Side, ref: TaskRef, operation: Operation, number: number): Promise<unknown> {
  const { redis, queue } = side;
  const grant =
    "activation" in operation ? { task: ref, activation: operation.activation } : { task: ref, activation: "a#1" };
  const holder = "holder" in operation ? operation.holder : "r1";
  const epoch = side.epochs.get(`${grant.activation} ${holder}`) ?? 0;
  const believed =
    "belief" in operation && operation.belief === "old"
      ? { epoch: epoch - 1, after: side.oldHead }
      : { epoch, after: side.head };
  const draft = { type: "retry.scheduled" as const, at: AT, activation: grant.activation, data: { number } };
  const events = chainEvents(taskId(ref), believed.after, [draft]);
  const learn = (head: ChainHead): void => {
    side.oldHead = side.head;
    side.head = head;
  };
  switch (operation.do) {
    case "create":
      return createTask(redis, queue, newTask(ref));
    case "claim": {
      const claim = await claimActivation(redis, { ...grant, holder, leaseMs: operation.leaseMs });
      if (claim.outcome === "claimed") {
        side.epochs.set(`${grant.activation} ${holder}`, claim.epoch);
        learn(claim.head);
      }
      return claim;
    }
    case "renew":
      return renewLease(redis, { ...grant, holder, epoch: believed.epoch, leaseMs: operation.leaseMs });
    case "append": {
      const step = {
        activation: grant.activation,
        step: `m${number % 3}`,
        state: "started" as const,
        idempotencyKey: "k",
      };
      const change = {
        steps: operation.step ? [step] : [],
        charges: operation.charge === undefined ? [] : [operation.charge],
      };
      const append = () => appendEvents(redis, { ...grant, holder, ...believed, events, ...change });
      const answers = [await append(), ...(operation.repeated ? [await append()] : [])];
      const last = answers.at(-1);
      if (last !== undefined && "head" in last) learn(last.head);
      return answers;
    }
    case "release": {
      const { phase, runnableInMs, uncounted, ends } = operation;
      const graph = { visits: { a: number }, outputs: { a: "out" }, joins: {}, open: 1 };
      const start = phase === "Done" ? [{ id: "b#1", agent: "b", messages: [{ id: "m", from: "a", text: "t" }] }] : [];
      const ending = ends === undefined ? {} : { taskPhase: ends, output: { a: "out" } };
      const request = {
        ...grant,
        holder,
        ...believed,
        events,
        phase,
        runnableInMs,
        graph,
        start,
        ...ending,
        ...(uncounted ? { uncounted: true as const } : {}),
      };
      const release = () => releaseActivation(redis, queue, request);
      const answers = [await release(), ...(operation.repeated ? [await release()] : [])];
      const last = answers.at(-1);
      if (last !== undefined && "head" in last) learn(last.head);
      return answers;
    }
    case "cancel":
      return operation.chance === 0 ? cancelTask(redis, ref, "ada") : "left alone";
    case "resolve": {
      const step = { activation: grant.activation, step: "m1.c1", state: "decided" as const, idempotencyKey: "k" };
      const word = operation.fails ? { failure: { code: "EFFECT_UNKNOWN", message: "nobody knows" } } : { step };
      const drafts = [{ type: "approval.decided" as const, at: AT, activation: grant.activation }];
      const answer = await resolveUnknown(redis, queue, { ...grant, drafts, ...word });
      return answer;
    }
    case "sweep":
      return sweepTasks(redis, queue);
  }
}

/** Everything that the server holds of the task, and what its readers make of it. */
async function stateOf({ redis, rung }: Side, ref: TaskRef): Promise<unknown> {
  const keys = taskKeys(ref);
  const steps = await Promise.all(ACTIVATIONS.map((id) => redis.hgetall(stepsKey(ref, id))));
  const [task, activations, order, open] = await Promise.all([
    redis.hgetall(keys.task),
    redis.hgetall(keys.activations),
    redis.lrange(keys.order, 0, -1),
    redis.smembers(keys.open),
  ]);
  const [record, trace] = [await readTask(redis, ref), await readTrace(redis, ref)];
  return { task, activations, order, open: open.toSorted(), steps, record, trace, rung };
}

/**
 * Moments differ by what the way to the server takes: only whether there is one, and how far off, is compared. So do the
 * hashes of events that the store itself dates.
 */
function withoutMoments(value: unknown, nowMs: number): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutMoments(item, nowMs));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      if (/^(head|hash|prev)$/.test(key) && typeof item === "string") return [key, "chained"];
      // Counted from one command to another, which the real server may let pass within a millisecond.
      if (key === "ageMs") return [key, "about now"];
      const isMoment = /^at$|(Ms|At|until)$/.test(key) && key !== "retryBackoffMs";
      if (!isMoment || typeof item === "object") return [key, withoutMoments(item, nowMs)];
      const ms = typeof item === "string" && /\D/.test(item) ? Date.parse(item) : Number(item);
      const ahead = ms > 1e12 ? ms - nowMs : ms;
      return [key, item === "" || ms === 0 ? item : ahead > 30_000 ? "later" : "about now"];
    }),
  );
}

describeWithRedis("the Redis in memory", () => {
  let server: TestRedis;
  let real: Redis;
  const scripts = new LuaScripts();

  beforeAll(async () => {
    server = await testRedis();
    real = connectRedis(server.url, "command");
  });
  afterAll(async () => {
    await closeRedis(real);
    await server.stop();
  });

  it("answers any sequence of operations as the real server does, and holds the same afterwards", async () => {
    let made = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operationArb, { minLength: 5, maxLength: 25 }), async (operations) => {
        made += 1;
        const ref = { env: `conf-${made}`, namespace: "default", name: "t" };
        const model = openClient(new MemoryRedis(Date.now, scripts));
        const sides = [sideOf(real, ref.env), sideOf(model, ref.env)] as const;
        const all: Operation[] = [{ do: "create" }, ...operations];
        for (const [number, operation] of all.entries()) {
          const [expected, found] = [
            await carryOut(sides[0], ref, operation, number),
            await carryOut(sides[1], ref, operation, number),
          ];
          const nowMs = Date.now();
          expect(withoutMoments(found, nowMs)).toEqual(withoutMoments(expected, nowMs));
          // A lease of one millisecond is over on both before the next operation.
          if ("leaseMs" in operation && operation.leaseMs === 1) await wait(3);
        }
        const nowMs = Date.now();
        const [expected, found] = [await stateOf(sides[0], ref), await stateOf(sides[1], ref)];
        expect(withoutMoments(found, nowMs)).toEqual(withoutMoments(expected, nowMs));
      }),
      { numRuns: fc.cases(15) },
    );
  });
});
