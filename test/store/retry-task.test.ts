// A task that failed and is tried again, in a real Redis: what goes on, under which numbers, and with which budget.
import { expect, test } from "vitest";
import { makeTask, taskId } from "../../contracts/new-task.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { verifyChain } from "../../contracts/trace.ts";
import type { Redis } from "../../store/connect.ts";
import { finishTask } from "../../store/finish-task.ts";
import { environmentKeys, taskKeys, taskMember } from "../../store/keys.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { claimActivation } from "../../store/scripts/claim.ts";
import { pushEnd } from "../../store/scripts/push-outbox.ts";
import { releaseActivation } from "../../store/scripts/release.ts";
import { renewLease } from "../../store/scripts/renew.ts";
import { type RetryRequest, retryTask } from "../../store/scripts/retry-task.ts";
import { sweepTasks } from "../../store/sweep.ts";
import { createTask, readTask, readTrace, requestCancel } from "../../store/tasks.ts";
import { describeWithRedis } from "../redis.ts";
import { useQueue } from "./use-queue.ts";
import { eventsAfter, taskOf } from "./world.ts";

describeWithRedis("a task that failed", () => {
  let redis: Redis;
  let queue: ActivationQueue;
  useQueue((...given) => {
    [redis, queue] = given;
  });

  /** Two entries side by side; the first fails the task while the second is at work under a lease. */
  async function failed(): Promise<{ readonly ref: TaskRef; readonly epoch: number }> {
    const task = makeTask({ ...taskOf(queue.env), graph: { agents: ["x", "y"], edges: [], joins: {} } });
    await createTask(redis, queue, task);
    const grant = { task: task.ref, holder: "r1", leaseMs: 60_000 };
    const x = await claimActivation(redis, { ...grant, activation: "x#1" });
    const y = await claimActivation(redis, { ...grant, activation: "y#1" });
    if (x.outcome !== "claimed" || y.outcome !== "claimed") throw new Error("not claimed");
    await redis.hset(taskKeys(task.ref).task, "inputTokens", 70, "reservedTokens", 30);
    const released = await releaseActivation(redis, queue, {
      ...grant,
      activation: "x#1",
      epoch: x.epoch,
      after: x.head,
      events: eventsAfter(task.ref, x.head, ["agent.failed", "task.failed"]),
      phase: "Failed",
      graph: task.graphState,
      start: [],
      taskPhase: "Failed",
      lastError: { code: "TOOL_BLOCKED", message: "no" },
    });
    expect(released.outcome).toBe("released");
    return { ref: task.ref, epoch: y.epoch };
  }

  function request(task: TaskRef, more: Partial<RetryRequest> = {}): RetryRequest {
    const at = "2026-01-02T03:04:07.000Z";
    return { task, drafts: [{ type: "retry.scheduled", at, data: { what: "task" } }], resetBudget: false, ...more };
  }

  const anew: RetryRequest["restart"] = () => ({
    state: { visits: { x: 2 }, outputs: {}, joins: {}, open: 1 },
    start: [{ id: "x#2", agent: "x" }],
  });

  test("stays among the live once it was retried, though whoever ended it comes late to finish it off", async () => {
    const { ref } = await failed();
    expect(await retryTask(redis, queue, request(ref))).toEqual({ outcome: "retried" });
    await finishTask(redis, ref);
    const { live } = environmentKeys(queue.env);
    expect(await redis.zscore(live, taskMember(ref))).not.toBeNull();
    await requestCancel(redis, ref);
    await sweepTasks(redis, queue);
    expect((await readTask(redis, ref))?.phase).toBe("Cancelled");
    expect(await redis.zscore(live, taskMember(ref))).toBeNull();
  });

  test("stays among the live, too, where it was retried between the looks of whoever finishes it off", async () => {
    const { ref } = await failed();
    const [{ live }, member] = [environmentKeys(queue.env), taskMember(ref)];
    // As it stood before anybody had finished it off.
    await redis.zadd(live, 1, member);
    expect(await retryTask(redis, queue, request(ref))).toEqual({ outcome: "retried" });
    await pushEnd(redis, queue.env, ["subject", "{}", member, "1"], 10);
    const score = await redis.zscore(live, member);
    expect(score).not.toBeNull();
    await pushEnd(redis, queue.env, ["subject", "{}", member, score ?? ""], 10);
    expect(await redis.zscore(live, member)).toBeNull();
  });

  test("goes on with all that was open: what failed and what ran beside it, with new tries and the budget as it was", async () => {
    const { ref, epoch } = await failed();
    expect(await retryTask(redis, queue, request(ref))).toEqual({ outcome: "retried" });
    const task = await readTask(redis, ref);
    expect(task).toMatchObject({ phase: "Pending", tokens: { input: 70 }, finishedAt: null });
    expect(task?.lastError).toBeUndefined();
    expect(task?.activations.map(({ id, phase, attempts }) => `${id} ${phase} ${attempts}`)).toEqual([
      "x#1 Runnable 0",
      "y#1 Runnable 0",
    ]);
    // Who was at work when the task failed stays locked out.
    const former = { task: ref, activation: "y#1", holder: "r1", epoch, leaseMs: 5_000 };
    expect(await renewLease(redis, former)).toEqual({ outcome: "lease-lost" });
    const again = await claimActivation(redis, { task: ref, activation: "y#1", holder: "r2", leaseMs: 5_000 });
    expect(again).toMatchObject({ outcome: "claimed", epoch: epoch + 1, attempt: 1, takenOverFrom: null });
    const events = await readTrace(redis, ref);
    expect(verifyChain(taskId(ref), events, task?.trace).outcome).toBe("intact");
  });

  test("begins anew where that is asked for: other activations, and what was open is cancelled", async () => {
    const { ref } = await failed();
    expect(await retryTask(redis, queue, request(ref, { restart: anew }))).toEqual({ outcome: "retried" });
    const task = await readTask(redis, ref);
    expect(task?.tokens).toEqual({ input: 70, output: 0 });
    expect(task?.activations.map(({ id, phase }) => `${id} ${phase}`)).toEqual([
      "x#1 Cancelled",
      "y#1 Cancelled",
      "x#2 Runnable",
    ]);
    expect(await claimActivation(redis, { task: ref, activation: "y#1", holder: "r2", leaseMs: 1 })).toEqual({
      outcome: "ended",
      open: expect.any(Array),
    });
  });

  test("forgets what was spent only when it is told to", async () => {
    const { ref } = await failed();
    await retryTask(redis, queue, request(ref, { restart: anew, resetBudget: true }));
    const claim = await claimActivation(redis, { task: ref, activation: "x#2", holder: "r2", leaseMs: 5_000 });
    const ledger = {
      inputTokens: 0,
      outputTokens: 0,
      reservedTokens: 0,
      costUsd: 0,
      reservedMicroUsd: 0,
      steps: 0,
      calls: {},
    };
    expect(claim).toMatchObject({ outcome: "claimed", task: { ledger } });
  });

  test("is tried again once by many who ask at the same time", async () => {
    const { ref } = await failed();
    const answers = await Promise.all(Array.from({ length: 4 }, () => retryTask(redis, queue, request(ref))));
    expect(answers.filter(({ outcome }) => outcome === "retried").length).toBeGreaterThan(0);
    const retries = (await readTrace(redis, ref)).filter(({ type }) => type === "retry.scheduled");
    expect(retries).toHaveLength(1);
  });

  test("is live again: a sweep rings for it, and its time begins anew", async () => {
    const { ref } = await failed();
    await redis.hset(taskKeys(ref).task, "startedAtMs", 1);
    await sweepTasks(redis, queue);
    await retryTask(redis, queue, request(ref));
    expect(await sweepTasks(redis, queue)).toMatchObject({ tasks: 1, finished: 0 });
    expect(await readTask(redis, ref)).toMatchObject({ phase: "Pending" });
  });

  test("is the only kind that is tried again", async () => {
    const task = taskOf(queue.env);
    await createTask(redis, queue, task);
    expect(await retryTask(redis, queue, request(task.ref))).toEqual({ outcome: "not-failed", phase: "Pending" });
    await requestCancel(redis, task.ref);
    expect(await retryTask(redis, queue, request(task.ref))).toEqual({ outcome: "not-failed", phase: "Cancelled" });
    expect(await retryTask(redis, queue, request({ ...task.ref, name: "none" }))).toEqual({ outcome: "missing" });
  });
});
