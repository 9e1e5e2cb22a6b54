// Leases on activations in a real Redis: who may write, behind which head, under which epoch, and within which budget.

import { expect, test } from "vitest";
import { taskId } from "../../contracts/new-task.ts";
import { verifyChain } from "../../contracts/trace.ts";
import type { Redis } from "../../store/connect.ts";
import { stepsKey, taskKeys } from "../../store/keys.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { appendEvents } from "../../store/scripts/append.ts";
import { cancelTask } from "../../store/scripts/cancel-task.ts";
import { claimActivation } from "../../store/scripts/claim.ts";
import { releaseActivation } from "../../store/scripts/release.ts";
import { renewLease } from "../../store/scripts/renew.ts";
import { createTask, readTask, readTrace, requestCancel } from "../../store/tasks.ts";
import * as fc from "../property.ts";
import { describeWithRedis } from "../redis.ts";
import { useQueue } from "./use-queue.ts";
import { claim1, claimedTask, eventsAfter, handOver, taskOf, until } from "./world.ts";

describeWithRedis("a lease on an activation", () => {
  let redis: Redis;
  let queue: ActivationQueue;
  useQueue((...given) => {
    [redis, queue] = given;
  });

  test("is granted with everything that a runner needs to begin", async () => {
    const task = taskOf(queue.env);
    await createTask(redis, queue, task);
    expect(await claim1(redis, task.ref, "r1")).toEqual({
      outcome: "claimed",
      epoch: 1,
      attempt: 1,
      ranMs: 0,
      takenOverFrom: null,
      cancelRequested: false,
      cancelledBy: null,
      task: {
        system: "report",
        manifest: null,
        input: { topic: "tides" },
        graph: task.graphState,
        snapshot: "sha256:snapshot",
        maxAttempts: 3,
        retryBackoffMs: 0,
        retry: { maxBackoffMs: 86_400_000, jitter: "none", nonRetryable: [] },
        maxTurns: null,
        ledger: {
          inputTokens: 0,
          outputTokens: 0,
          reservedTokens: 0,
          costUsd: 0,
          reservedMicroUsd: 0,
          steps: 0,
          calls: {},
        },
        createdAt: "2026-01-02T03:04:05.000Z",
        ageMs: expect.any(Number),
        ranMs: 0,
        priority: "normal",
      },
      messages: [],
      steps: [],
      head: { seq: 1, head: task.events[0]?.hash },
    });
  });

  test("is held against everybody else while it lives", async () => {
    const { grant } = await claimedTask(redis, queue);
    const other = await claimActivation(redis, { ...grant, holder: "r2", leaseMs: 5_000 });
    expect(other).toMatchObject({ outcome: "held", holder: "r1" });
    expect(await claimActivation(redis, { ...grant, activation: "nobody#1", leaseMs: 1 })).toEqual({
      outcome: "missing",
    });
    const stranger = { ...grant, task: { ...grant.task, name: "none" } };
    expect(await claimActivation(redis, { ...stranger, leaseMs: 1 })).toEqual({ outcome: "missing" });
  });

  test("passes at once to the same holder after its restart, under a new epoch that locks its former life out", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const again = await claim1(redis, grant.task, "r1");
    expect(again).toMatchObject({ epoch: claim.epoch + 1, attempt: 2, takenOverFrom: "r1" });
    expect(await renewLease(redis, { ...grant, leaseMs: 5_000 })).toEqual({ outcome: "lease-lost" });
  });

  test("is taken over when it has lapsed, and its former holder can neither renew nor append nor release", async () => {
    const { grant, claim } = await claimedTask(redis, queue, { leaseMs: 30 });
    const taken = await until("the lease lapses", async () => {
      const next = await claimActivation(redis, { ...grant, holder: "r2", leaseMs: 5_000 });
      return next.outcome === "claimed" && next;
    });
    expect(taken).toMatchObject({ epoch: 2, attempt: 2, takenOverFrom: "r1" });
    const events = eventsAfter(grant.task, claim.head, ["agent.started"]);
    expect(await renewLease(redis, { ...grant, leaseMs: 5_000 })).toEqual({ outcome: "lease-lost" });
    expect(await appendEvents(redis, { ...grant, after: claim.head, events })).toEqual({ outcome: "lease-lost" });
    expect(await releaseActivation(redis, queue, handOver(grant, claim))).toEqual({ outcome: "lease-lost" });
    const forged = { ...grant, epoch: taken.epoch };
    expect(await appendEvents(redis, { ...forged, after: claim.head, events })).toEqual({ outcome: "lease-lost" });
    expect(await readTrace(redis, grant.task)).toHaveLength(1);
  });

  test("is not revived once it has lapsed, although nobody took it over", async () => {
    const { grant, claim } = await claimedTask(redis, queue, { leaseMs: 30 });
    const lapsed = { ...grant, leaseMs: 5_000 };
    const { activations } = taskKeys(grant.task);
    const untilMs = Number(await redis.hget(activations, "planner#1/until"));
    await until("it lapses", async () => Number((await redis.time())[0]) * 1_000 > untilMs + 1_000, 5_000);
    expect(await renewLease(redis, lapsed)).toEqual({ outcome: "lease-lost" });
    const events = eventsAfter(grant.task, claim.head, ["agent.started"]);
    expect(await appendEvents(redis, { ...grant, after: claim.head, events })).toEqual({ outcome: "lease-lost" });
  });

  test("is renewed by its holder, who sees a wish to cancel", async () => {
    const { grant } = await claimedTask(redis, queue);
    const renewal = { outcome: "renewed", remainingMs: 9_000, cancelRequested: false, cancelledBy: null };
    expect(await renewLease(redis, { ...grant, leaseMs: 9_000 })).toEqual(renewal);
    expect(await requestCancel(redis, grant.task, "ada")).toBe("requested");
    const wanted = { ...renewal, cancelRequested: true, cancelledBy: "ada" };
    expect(await renewLease(redis, { ...grant, leaseMs: 9_000 })).toEqual(wanted);
    expect(await requestCancel(redis, { ...grant.task, name: "none" })).toBe("missing");
  });

  test("ends with a release that starts the next activation and rings for it", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    expect(await releaseActivation(redis, queue, handOver(grant, claim))).toMatchObject({ outcome: "released" });
    // A bell that comes late for what is done leads to what goes on.
    const open = [
      { task: grant.task, activation: "writer#1", terms: { priority: "normal", requirements: expect.anything() } },
    ];
    expect(await claimActivation(redis, { ...grant, leaseMs: 1 })).toEqual({ outcome: "ended", open });
    const next = { ...grant, activation: "writer#1", leaseMs: 5_000 };
    expect(await queue.withoutBell([next])).toEqual([]);
    expect(await claimActivation(redis, next)).toMatchObject({
      outcome: "claimed",
      messages: [{ id: "m1", from: "planner", text: "a plan" }],
      task: { graph: { outputs: { planner: "a plan" } } },
    });
  });

  test("cannot be released behind an older head: the newest graph comes back instead", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const events = eventsAfter(grant.task, claim.head, ["agent.started"]);
    await appendEvents(redis, { ...grant, after: claim.head, events });
    expect(await releaseActivation(redis, queue, handOver(grant, claim))).toMatchObject({
      outcome: "moved",
      head: { seq: 2 },
      graph: { visits: { planner: 1 } },
    });
    expect(await readTask(redis, grant.task)).toMatchObject({ activations: [{ id: "planner#1", phase: "Leased" }] });
  });

  test("can be released to be tried again later", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const retry = { ...handOver(grant, claim), phase: "Runnable" as const, runnableInMs: 60_000, start: [] };
    await releaseActivation(redis, queue, retry);
    expect(await claimActivation(redis, { ...grant, leaseMs: 1 })).toMatchObject({ outcome: "later" });
    await cancelTask(redis, grant.task, "ada");
    expect(await claim1(redis, grant.task, "r2")).toMatchObject({
      cancelRequested: true,
      takenOverFrom: null,
      attempt: 2,
    });
  });

  test("counts no attempt that ended for a reason that was not the task's", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const back = { ...handOver(grant, claim), phase: "Runnable" as const, start: [], uncounted: true as const };
    await releaseActivation(redis, queue, back);
    await releaseActivation(redis, queue, back);
    expect(await claim1(redis, grant.task, "r2")).toMatchObject({ epoch: 2, attempt: 1 });
  });

  test("is worth nothing once its task has ended, in any branch", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const started = await releaseActivation(redis, queue, handOver(grant, claim));
    const writer = { ...grant, activation: "writer#1" };
    if (started.outcome !== "released") throw new Error(started.outcome);
    await claimActivation(redis, { ...writer, leaseMs: 5_000 });
    const failed = eventsAfter(grant.task, started.head, ["task.failed"]);
    await releaseActivation(redis, queue, {
      ...handOver(writer, claim),
      after: started.head,
      events: failed,
      phase: "Failed",
      start: [],
      taskPhase: "Failed",
      output: { planner: "a plan" },
      lastError: { code: "TOOL_BLOCKED", message: "no" },
    });
    expect(await renewLease(redis, { ...writer, leaseMs: 5_000 })).toEqual({ outcome: "lease-lost" });
    expect(await requestCancel(redis, grant.task)).toBe("ended");
    expect(await readTask(redis, grant.task)).toMatchObject({
      phase: "Failed",
      output: { planner: "a plan", last_output: "" },
      lastError: { code: "TOOL_BLOCKED", message: "no" },
      finishedAt: expect.any(String),
    });
  });

  test("is given back with what its last calls came to; the steps of what is done go, those of what goes on stay", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const step = { activation: "planner#1", step: "m1", state: "done" as const, idempotencyKey: "k1" };
    const charge = { kind: "settle" as const, reserved: 0, inputTokens: 30, outputTokens: 10, costUsd: null };
    const base = handOver(grant, claim);
    const given = { ...base, phase: "Runnable" as const, start: [], steps: [step], charges: [charge] };
    expect(await releaseActivation(redis, queue, given)).toMatchObject({ outcome: "released" });
    const again = await claim1(redis, grant.task, "r1");
    expect(again.steps).toEqual([step]);
    expect(again.task.ledger).toEqual({
      inputTokens: 30,
      outputTokens: 10,
      reservedTokens: 0,
      costUsd: null,
      reservedMicroUsd: 0,
      steps: 0,
      calls: {},
    });
    const next = { ...grant, epoch: again.epoch };
    const events = eventsAfter(grant.task, again.head, ["agent.finished"]);
    const done = { ...handOver(next, again), after: again.head, events };
    expect(await releaseActivation(redis, queue, done)).toMatchObject({ outcome: "released" });
    expect(await redis.exists(stepsKey(grant.task, "planner#1"))).toBe(0);
  });

  test("passes to what a release started, for the same holder and without a bell, also where its answer is lost", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const next = { ...grant, activation: "writer#1", epoch: 1 };
    const request = { ...handOver(grant, claim), goOnMs: 300 };
    const goOn = { cancelRequested: false, cancelledBy: null, ledger: claim.task.ledger };
    const released = await releaseActivation(redis, queue, request);
    expect(released).toMatchObject({ outcome: "released", goOn });
    if (released.outcome !== "released") throw new Error(released.outcome);
    expect(await queue.withoutBell([next])).toEqual([next]);
    expect(await releaseActivation(redis, queue, request)).toEqual(released);
    const events = eventsAfter(grant.task, released.head, ["agent.started"]);
    const append = { ...next, after: released.head, events };
    expect(await appendEvents(redis, { ...append, holder: "r2" })).toEqual({ outcome: "lease-lost" });
    expect(await appendEvents(redis, append)).toMatchObject({ outcome: "appended" });
    // Should the holder die, its one bell rings for what is done, and leads to the next holder.
    const late = await claimActivation(redis, { ...grant, holder: "r2", leaseMs: 5_000 });
    expect(late).toMatchObject({ outcome: "ended", open: [{ activation: "writer#1" }] });
    const taken = await until("its lease ends", async () => {
      const answer = await claimActivation(redis, { ...next, holder: "r2", leaseMs: 5_000 });
      return answer.outcome === "claimed" && answer;
    });
    expect(taken).toMatchObject({ epoch: 2, attempt: 2, takenOverFrom: "r1", messages: [{ id: "m1" }] });
    // The same command, repeated after all, tells its former holder nothing but to ring.
    expect(await releaseActivation(redis, queue, request)).not.toHaveProperty("goOn");
    expect(await queue.withoutBell([next])).toEqual([]);
  });

  test("holds its invariants under any order of claims, renewals, appends and charges by two holders", async () => {
    const holder = fc.constantFrom("r1", "r2");
    const command = fc.oneof(
      fc.record({ do: fc.constant("claim" as const), holder, leaseMs: fc.constantFrom(1, 10_000) }),
      fc.record({ do: fc.constant("renew" as const), holder }),
      fc.record({ do: fc.constant("reserve" as const), holder, tokens: fc.integer({ min: 0, max: 60 }) }),
      fc.record({ do: fc.constant("settle" as const), holder, tokens: fc.integer({ min: 0, max: 60 }) }),
    );
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
        round += 1;
        const task = taskOf(queue.env, `round-${round}`);
        await createTask(redis, queue, task);
        await runCommands(task.ref, commands);
      }),
      { numRuns: fc.cases(15) },
    );
  });

  type Command =
    | { readonly do: "claim"; readonly holder: string; readonly leaseMs: number }
    | { readonly do: "renew"; readonly holder: string }
    | { readonly do: "reserve" | "settle"; readonly holder: string; readonly tokens: number };

  /** Epochs only grow; only the newest epoch ever writes; the ledger never passes its limit; the chain stays whole. */
  async function runCommands(task: ReturnType<typeof taskOf>["ref"], commands: readonly Command[]): Promise<void> {
    const epochs = new Map<string, number>();
    let newest = 0;
    for (const command of commands) {
      const grant = { task, activation: "planner#1", holder: command.holder, epoch: epochs.get(command.holder) ?? 0 };
      if (command.do === "claim") {
        const claim = await claimActivation(redis, { ...grant, leaseMs: command.leaseMs });
        if (claim.outcome !== "claimed") continue;
        expect(claim.epoch).toBeGreaterThan(newest);
        newest = claim.epoch;
        epochs.set(command.holder, newest);
        continue;
      }
      if (command.do === "renew") {
        const renewal = await renewLease(redis, { ...grant, leaseMs: 10_000 });
        if (renewal.outcome === "renewed") expect(grant.epoch).toBe(newest);
        continue;
      }
      const trace = (await readTask(redis, task))?.trace ?? { seq: 0, head: "" };
      const { tokens } = command;
      const answer = await appendEvents(redis, {
        ...grant,
        after: trace,
        events: eventsAfter(task, trace, ["model.called"]),
        charges: [
          command.do === "reserve"
            ? { kind: "reserve", tokens, limit: 100 }
            : { kind: "settle", reserved: tokens, inputTokens: 0, outputTokens: 0, costUsd: 0.01 },
        ],
      });
      if (answer.outcome === "appended") {
        expect(grant.epoch).toBe(newest);
        expect(answer.ledger.reservedTokens).toBeLessThanOrEqual(100);
        expect(answer.ledger.reservedTokens).toBeGreaterThanOrEqual(0);
      }
    }
    const record = await readTask(redis, task);
    expect(verifyChain(taskId(task), await readTrace(redis, task), record?.trace)).toMatchObject({ outcome: "intact" });
  }
});
