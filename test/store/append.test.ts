// What the holder of a lease appends, in a real Redis: all of a record or nothing of it, behind which head, and within which budget.

import { expect, test } from "vitest";
import { taskId } from "../../contracts/new-task.ts";
import { verifyChain } from "../../contracts/trace.ts";
import type { Redis } from "../../store/connect.ts";
import type { Charge } from "../../store/ledger.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { appendEvents } from "../../store/scripts/append.ts";
import { releaseActivation } from "../../store/scripts/release.ts";
import { readTrace } from "../../store/tasks.ts";
import { describeWithRedis } from "../redis.ts";
import { useQueue } from "./use-queue.ts";
import { claim1, claimedTask, eventsAfter, handOver } from "./world.ts";

describeWithRedis("an append by the holder of a lease", () => {
  let redis: Redis;
  let queue: ActivationQueue;
  useQueue((...given) => {
    [redis, queue] = given;
  });

  test("lets its holder append: trace, step, ledger and head move together, and a takeover finds them", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const events = eventsAfter(grant.task, claim.head, ["agent.started", "model.called"]);
    const step = { activation: "planner#1", step: "m1", state: "started" as const, idempotencyKey: "k1" };
    const charge = { kind: "reserve" as const, tokens: 100, limit: 1_000 };
    const ledger = {
      inputTokens: 0,
      outputTokens: 0,
      reservedTokens: 100,
      costUsd: 0,
      reservedMicroUsd: 0,
      steps: 1,
      calls: {},
    };
    const head = { seq: 3, head: events.at(-1)?.hash };
    expect(
      await appendEvents(redis, { ...grant, after: claim.head, events, steps: [step], charges: [charge] }),
    ).toEqual({
      outcome: "appended",
      head,
      ledger,
    });
    expect(await claim1(redis, grant.task, "r1")).toMatchObject({ steps: [step], head, task: { ledger } });
    const trace = await readTrace(redis, grant.task);
    expect(verifyChain(taskId(grant.task), trace, { seq: 3, head: head.head ?? "" })).toMatchObject({
      outcome: "intact",
    });
    expect(await readTrace(redis, grant.task, 2)).toEqual(trace.slice(2));
  });

  test("lets nobody append behind an older head, and tells the newer one", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const events = eventsAfter(grant.task, claim.head, ["agent.started"]);
    const first = await appendEvents(redis, { ...grant, after: claim.head, events });
    const late = eventsAfter(grant.task, claim.head, ["model.called"]);
    const step = { activation: "planner#1", step: "m1", state: "started" as const, idempotencyKey: "k1" };
    expect(await appendEvents(redis, { ...grant, after: claim.head, events: late, steps: [step] })).toEqual({
      ...first,
      outcome: "moved",
    });
    expect((await claim1(redis, grant.task, "r1")).steps).toEqual([]);
  });

  test("answers an append that is sent twice as it did the first time, and charges it once", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const events = eventsAfter(grant.task, claim.head, ["model.called"]);
    const request = {
      ...grant,
      after: claim.head,
      events,
      charges: [{ kind: "reserve" as const, tokens: 7, limit: null }],
    };
    const first = await appendEvents(redis, request);
    expect(await appendEvents(redis, request)).toEqual(first);
    const release = handOver(grant, { ...claim, head: { seq: 2, head: events[0]?.hash ?? "" } });
    const released = await releaseActivation(redis, queue, release);
    expect(released.outcome).toBe("released");
    expect(await releaseActivation(redis, queue, release)).toEqual(released);
  });

  test("writes nothing that would go over the budget", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const events = eventsAfter(grant.task, claim.head, ["model.called"]);
    const step = { activation: "planner#1", step: "m1", state: "started" as const, idempotencyKey: "k1" };
    const charge = { kind: "reserve" as const, tokens: 101, limit: 100 };
    expect(
      await appendEvents(redis, { ...grant, after: claim.head, events, steps: [step], charges: [charge] }),
    ).toEqual({
      outcome: "over-budget",
      ledger: {
        inputTokens: 0,
        outputTokens: 0,
        reservedTokens: 0,
        costUsd: 0,
        reservedMicroUsd: 0,
        steps: 0,
        calls: {},
      },
    });
    expect(await claim1(redis, grant.task, "r1")).toMatchObject({ steps: [], head: claim.head });
  });

  test("keeps an unknown price unknown", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    let head = claim.head;
    const costs: (number | null)[] = [];
    for (const costUsd of [0.25, null, 0.5]) {
      const events = eventsAfter(grant.task, head, ["model.answered"]);
      const charge = { kind: "settle" as const, reserved: 0, inputTokens: 1, outputTokens: 1, costUsd };
      const answer = await appendEvents(redis, { ...grant, after: head, events, charges: [charge] });
      if (answer.outcome !== "appended") throw new Error(answer.outcome);
      ({ head } = answer);
      costs.push(answer.ledger.costUsd);
    }
    expect(costs).toEqual([0.25, null, null]);
  });

  test("refuses a step, a call of a tool or money beyond their limits, and counts those within", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const none = { microUsd: null, steps: null, calls: null };
    const base = { kind: "reserve" as const, tokens: 0, limit: null };
    let after = claim.head;
    const call = async (more: Partial<Extract<Charge, { kind: "reserve" }>>) => {
      const events = eventsAfter(grant.task, after, ["tool.called"]);
      const answer = await appendEvents(redis, { ...grant, after, events, charges: [{ ...base, ...more }] });
      if (answer.outcome === "appended") after = answer.head;
      return answer;
    };
    const first = { tool: "search", microUsd: 400, limits: { microUsd: 400, steps: 1, calls: 1 } };
    expect(await call(first)).toMatchObject({
      outcome: "appended",
      ledger: { reservedMicroUsd: 400, steps: 1, calls: { search: 1 } },
    });
    expect((await call({ limits: { ...none, steps: 1 } })).outcome).toBe("over-budget");
    expect((await call({ microUsd: 1, limits: { ...none, microUsd: 400 } })).outcome).toBe("over-budget");
    expect((await call({ tool: "search", limits: { ...none, calls: 1 } })).outcome).toBe("over-budget");
    expect(await call({ tool: "mail", limits: { ...none, calls: 1 } })).toMatchObject({
      outcome: "appended",
      ledger: { steps: 2, calls: { search: 1, mail: 1 } },
    });
    const answered = eventsAfter(grant.task, after, ["model.answered"]);
    const settle = { kind: "settle" as const, reserved: 0, inputTokens: 0, outputTokens: 0, costUsd: null };
    const unpriced = await appendEvents(redis, { ...grant, after, events: answered, charges: [settle] });
    if (unpriced.outcome !== "appended") throw new Error(unpriced.outcome);
    after = unpriced.head;
    expect((await call({ limits: { ...none, microUsd: 1_000_000 } })).outcome).toBe("over-budget");
  });

  test("reckons the charges of one record in their order, and writes none of it when the last is over the budget", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const settle = { kind: "settle" as const, reserved: 90, inputTokens: 30, outputTokens: 10, costUsd: 0.5 };
    const reserve = (tokens: number) => ({ kind: "reserve" as const, tokens, limit: 100 });
    const first = eventsAfter(grant.task, claim.head, ["model.called"]);
    const called = await appendEvents(redis, { ...grant, after: claim.head, events: first, charges: [reserve(90)] });
    if (called.outcome !== "appended") throw new Error(called.outcome);
    const after = called.head;
    const events = eventsAfter(grant.task, after, ["model.answered", "turn.decided", "model.called"]);
    const steps = [
      { activation: "planner#1", step: "m1", state: "done" as const, idempotencyKey: "k1" },
      { activation: "planner#1", step: "m2", state: "started" as const, idempotencyKey: "k2" },
    ];
    const over = await appendEvents(redis, { ...grant, after, events, steps, charges: [settle, reserve(61)] });
    expect(over).toEqual({ outcome: "over-budget", ledger: called.ledger });
    expect(await readTrace(redis, grant.task)).toHaveLength(2);
    const within = { ...grant, after, events, steps, charges: [settle, reserve(60)] };
    const ledger = {
      inputTokens: 30,
      outputTokens: 10,
      reservedTokens: 60,
      costUsd: 0.5,
      reservedMicroUsd: 0,
      steps: 2,
      calls: {},
    };
    const answer = { outcome: "appended", head: { seq: 5, head: events.at(-1)?.hash }, ledger };
    expect(await appendEvents(redis, within)).toEqual(answer);
    expect(await appendEvents(redis, within)).toEqual(answer);
    const again = await claim1(redis, grant.task, "r1");
    expect(again.steps.toSorted((a, b) => (a.step < b.step ? -1 : 1))).toEqual(steps);
  });
});
