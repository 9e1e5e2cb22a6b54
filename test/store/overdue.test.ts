// Tasks that end without a runner: cancelled ones that nobody works on, and those whose time is over.
import { expect, test } from "vitest";
import { taskId } from "../../contracts/new-task.ts";
import { verifyChain } from "../../contracts/trace.ts";
import { hearCalls } from "../../store/calls.ts";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { environmentKeys, taskKeys } from "../../store/keys.ts";
import { readOutbox } from "../../store/outbox.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { appendEvents } from "../../store/scripts/append.ts";
import { cancelTask } from "../../store/scripts/cancel-task.ts";
import { releaseActivation } from "../../store/scripts/release.ts";
import { renewLease } from "../../store/scripts/renew.ts";
import { sweepTasks } from "../../store/sweep.ts";
import { createTask, readTask, readTrace, requestCancel } from "../../store/tasks.ts";
import { describeWithRedis } from "../redis.ts";
import { useQueue } from "./use-queue.ts";
import { claimedTask, eventsAfter, handOver, taskOf, until } from "./world.ts";

describeWithRedis("a task that nobody works on", () => {
  let redis: Redis;
  let queue: ActivationQueue;
  let url: string;
  useQueue((...given) => {
    [redis, queue, url] = given;
  });

  test("ends at once when it is cancelled, and its trace says who wanted it", async () => {
    const task = taskOf(queue.env);
    await createTask(redis, queue, task);
    expect(await requestCancel(redis, task.ref, "ada")).toBe("requested");
    const record = await readTask(redis, task.ref);
    expect(record).toMatchObject({ phase: "Cancelled", activations: [{ phase: "Cancelled" }] });
    const events = await readTrace(redis, task.ref);
    expect(events.at(-1)).toMatchObject({ type: "task.cancelled", by: "ada" });
    expect(verifyChain(taskId(task.ref), events, record?.trace).outcome).toBe("intact");
    expect(await readOutbox(redis, queue.env, 10)).toHaveLength(1);
    expect(await requestCancel(redis, task.ref)).toBe("ended");
  });

  test("and that waits for a person or for its next try ends at once as well", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const unknown = { ...handOver(grant, claim), phase: "Unknown" as const, start: [], taskPhase: "Unknown" as const };
    await releaseActivation(redis, queue, unknown);
    await requestCancel(redis, grant.task, "ada");
    expect(await readTask(redis, grant.task)).toMatchObject({ phase: "Cancelled" });
  });

  test("ends by the sweep where its cancelled runner died, and not before its lease is over", async () => {
    const { grant } = await claimedTask(redis, queue, { leaseMs: 60_000 });
    await requestCancel(redis, grant.task, "ada");
    await sweepTasks(redis, queue);
    expect(await readTask(redis, grant.task)).toMatchObject({ phase: "Running" });
    await redis.hset(taskKeys(grant.task).activations, "planner#1/until", 1);
    await sweepTasks(redis, queue);
    expect(await readTask(redis, grant.task)).toMatchObject({ phase: "Cancelled" });
  });

  test("has failed when no runner has claimed it in time", async () => {
    const task = { ...taskOf(queue.env), limits: { waitMs: 60_000, durationMs: 1 } };
    await createTask(redis, queue, task);
    await sweepTasks(redis, queue);
    expect(await readTask(redis, task.ref)).toMatchObject({ phase: "Pending" });
    await redis.hincrby(taskKeys(task.ref).task, "queuedAtMs", -60_001);
    await sweepTasks(redis, queue);
    const failed = { phase: "Failed", lastError: { code: "TASK_WAIT_TIMEOUT" } };
    expect(await readTask(redis, task.ref)).toMatchObject(failed);
    expect((await readTrace(redis, task.ref)).at(-1)).toMatchObject({ type: "task.failed", code: "TASK_WAIT_TIMEOUT" });
    expect(await redis.zcard(environmentKeys(queue.env).live)).toBe(0);
  });

  test("has failed when it takes longer than it may, also under a lease, whose holder can write nothing any more", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    await redis.hincrby(taskKeys(grant.task).task, "startedAtMs", -8 * 24 * 60 * 60_000);
    await sweepTasks(redis, queue);
    expect(await readTask(redis, grant.task)).toMatchObject({ phase: "Failed", lastError: { code: "TASK_TIMEOUT" } });
    const events = eventsAfter(grant.task, claim.head, ["agent.started"]);
    expect(await appendEvents(redis, { ...grant, after: claim.head, events })).toEqual({ outcome: "lease-lost" });
    expect(await renewLease(redis, { ...grant, leaseMs: 5_000 })).toEqual({ outcome: "lease-lost" });
    expect(await releaseActivation(redis, queue, handOver(grant, claim))).toEqual({ outcome: "lease-lost" });
  });

  test("is ended once by many sweeps at the same time", async () => {
    const task = taskOf(queue.env);
    await createTask(redis, queue, task);
    await cancelTask(redis, task.ref, "ada");
    await Promise.all(Array.from({ length: 5 }, () => sweepTasks(redis, queue)));
    const types = (await readTrace(redis, task.ref)).map(({ type }) => type);
    expect(types).toEqual(["task.created", "task.cancelled"]);
  });

  test("makes itself heard to whoever works on it", async () => {
    const { grant } = await claimedTask(redis, queue);
    const subscriber = connectRedis(url, "worker");
    const heard: string[] = [];
    hearCalls(subscriber, queue.env, ({ name }) => heard.push(name));
    await until("it listens", async () => (await redis.pubsub("NUMSUB", environmentKeys(queue.env).calls))[1] === 1);
    await requestCancel(redis, grant.task, "ada");
    await until("the call", async () => heard.includes(grant.task.name));
    await closeRedis(subscriber);
  });
});
