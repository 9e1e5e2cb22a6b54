// Tasks, their indexes, the sweep and the outbox in a real Redis: what a crash between two writes leaves is mended.
import { expect, test } from "vitest";
import type { TraceEvent } from "../../contracts/trace.ts";
import type { Redis } from "../../store/connect.ts";
import { environmentKeys, taskKeys, taskMember } from "../../store/keys.ts";
import { dropOutbox, OUTBOX_SUBJECTS, pushOutbox, readOutbox } from "../../store/outbox.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { claimActivation } from "../../store/scripts/claim.ts";
import { writeTask } from "../../store/scripts/create-task.ts";
import { releaseActivation } from "../../store/scripts/release.ts";
import { sweepTasks } from "../../store/sweep.ts";
import { createTask, followTrace, listTasks, readTask } from "../../store/tasks.ts";
import { describeWithRedis } from "../redis.ts";
import { useQueue } from "./use-queue.ts";
import { type Claimed, claim1, claimedTask, eventsAfter, type Grant, handOver, taskOf, until } from "./world.ts";

describeWithRedis("a task", () => {
  let redis: Redis;
  let queue: ActivationQueue;
  useQueue((...given) => {
    [redis, queue] = given;
  });

  /** Ends the task with the planner's release. */
  function succeed(grant: Grant, claim: Claimed): ReturnType<typeof releaseActivation> {
    return releaseActivation(redis, queue, {
      ...handOver(grant, claim),
      events: eventsAfter(grant.task, claim.head, ["agent.finished", "task.succeeded"]),
      start: [],
      taskPhase: "Succeeded",
      output: { planner: "a plan" },
    });
  }

  test("is made once under its name, and reads as its contract says", async () => {
    const task = taskOf(queue.env);
    expect(await createTask(redis, queue, task)).toEqual({ outcome: "created" });
    expect(await createTask(redis, queue, { ...task, system: "other" })).toEqual({ outcome: "exists" });
    expect(await readTask(redis, task.ref)).toEqual({
      name: "weekly-report",
      priority: "normal",
      requirements: {},
      namespace: "default",
      system: "report",
      phase: "Pending",
      attempts: 0,
      input: { topic: "tides" },
      output: null,
      tokens: { input: 0, output: 0 },
      costUsd: 0,
      budget: { reservedTokens: 0, reservedUsd: 0, steps: 0, calls: {} },
      createdAt: "2026-01-02T03:04:05.000Z",
      startedAt: null,
      finishedAt: null,
      source: { commit: "a1b2c3d", file: "task.yaml", line: 1 },
      snapshot: "sha256:snapshot",
      plan: null,
      trace: { seq: 1, head: task.events[0]?.hash },
      activations: [
        { id: "planner#1", agent: "planner", phase: "Runnable", holder: null, epoch: 0, attempts: 0, messages: [] },
      ],
    });
    expect(await readTask(redis, { ...task.ref, name: "none" })).toBeUndefined();
  });

  test("is listed, the newest first", async () => {
    await createTask(redis, queue, taskOf(queue.env, "older"));
    await createTask(redis, queue, { ...taskOf(queue.env, "newer"), createdAt: "2026-01-03T00:00:00.000Z" });
    expect((await listTasks(redis, queue.env)).map(({ name }) => name)).toEqual(["newer", "older"]);
  });

  test("ends with its outcome, leaves the live index and puts one entry into the outbox", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    await succeed(grant, claim);
    expect(await readTask(redis, grant.task)).toMatchObject({
      phase: "Succeeded",
      attempts: 1,
      output: { last_output: "a plan", planner: "a plan" },
      activations: [{ phase: "Done", holder: "r1", epoch: 1 }],
    });
    expect(await sweepTasks(redis, queue)).toEqual({ tasks: 0, rung: 0, finished: 0 });
    expect(await readOutbox(redis, queue.env, 10)).toMatchObject([{ entry: { kind: "task", task: grant.task } }]);
  });

  test("that succeeded keeps no error of an earlier try", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const lastError = { code: "MODEL_UNAVAILABLE", message: "down" };
    const retry = { ...handOver(grant, claim), phase: "Runnable" as const, runnableInMs: 0, start: [], lastError };
    await releaseActivation(redis, queue, retry);
    expect(await readTask(redis, grant.task)).toMatchObject({ lastError });
    const again = await claim1(redis, grant.task, "r2");
    await succeed({ ...grant, holder: "r2", epoch: again.epoch }, again);
    const task = await readTask(redis, grant.task);
    expect([task?.phase, task?.lastError]).toEqual(["Succeeded", undefined]);
  });

  test("that is damaged is named, not guessed", async () => {
    const task = taskOf(queue.env);
    await createTask(redis, queue, task);
    await redis.hset(taskKeys(task.ref).task, "phase", "Dreaming");
    await expect(readTask(redis, task.ref)).rejects.toMatchObject({
      code: "STATE_CORRUPT",
      message: expect.stringContaining("default/weekly-report"),
    });
  });

  test("whose bell was lost is rung for by the sweep, once", async () => {
    const task = taskOf(queue.env);
    await redis.zadd(environmentKeys(queue.env).live, Date.now(), taskMember(task.ref));
    await writeTask(redis, task);
    const job = { task: task.ref, activation: "planner#1" };
    expect(await queue.withoutBell([job])).toEqual([job]);
    expect(await sweepTasks(redis, queue)).toEqual({ tasks: 1, rung: 1, finished: 0 });
    expect(await sweepTasks(redis, queue)).toEqual({ tasks: 1, rung: 0, finished: 0 });
    expect(await queue.withoutBell([job])).toEqual([]);
  });

  test("is left alone by the sweep while it is leased or waits for its next try, and rung for when the lease lapsed", async () => {
    const task = taskOf(queue.env);
    await redis.zadd(environmentKeys(queue.env).live, Date.now(), taskMember(task.ref));
    await writeTask(redis, task);
    const job = { task: task.ref, activation: "planner#1" };
    await claimActivation(redis, { ...job, holder: "r1", leaseMs: 300 });
    expect(await sweepTasks(redis, queue)).toMatchObject({ rung: 0 });
    await until("the lease lapses", async () => (await sweepTasks(redis, queue)).rung === 1);
  });

  test("that ended while its runner died is finished off by the sweep", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    await succeed(grant, claim);
    const [posted] = await readOutbox(redis, queue.env, 10);
    await dropOutbox(redis, queue.env, [posted?.id ?? ""]);
    await redis.zadd(environmentKeys(queue.env).live, Date.now(), taskMember(grant.task));
    expect(await sweepTasks(redis, queue)).toEqual({ tasks: 1, rung: 0, finished: 1 });
    expect(await readOutbox(redis, queue.env, 10)).toHaveLength(1);
  });

  test("that was ordered long ago is not forgotten while it is being made", async () => {
    const order = { ...taskOf(queue.env), createdAt: new Date(Date.now() - 600_000).toISOString() };
    const { live, tasks } = environmentKeys(queue.env);
    await createTask(redis, queue, order);
    // As it stands between the index and the record.
    await redis.del(taskKeys(order.ref).task);
    await sweepTasks(redis, queue);
    expect([await redis.zcard(live), await redis.zcard(tasks)]).toEqual([1, 1]);
  });

  test("that is damaged does not keep the sweep from the others", async () => {
    const [bad, good] = [taskOf(queue.env, "bad"), taskOf(queue.env, "good")];
    for (const task of [bad, good]) {
      await redis.zadd(environmentKeys(queue.env).live, Date.now(), taskMember(task.ref));
      await writeTask(redis, task);
    }
    await redis.hset(taskKeys(bad.ref).task, "phase", "Dreaming");
    await expect(sweepTasks(redis, queue)).rejects.toMatchObject({ code: "STATE_CORRUPT" });
    expect(await queue.withoutBell([{ task: good.ref, activation: "planner#1" }])).toEqual([]);
  });

  test("that never came to be is forgotten after a while", async () => {
    const { live } = environmentKeys(queue.env);
    await redis.zadd(live, Date.now(), "default/unborn", Date.now() - 120_000, "default/dead");
    await sweepTasks(redis, queue);
    expect(await redis.zrange(live, "0", "-1")).toEqual(["default/unborn"]);
  });

  test("can be followed to its end", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const seen: TraceEvent[] = [];
    const follower = (async () => {
      for await (const event of followTrace(redis, grant.task, 0, new AbortController().signal)) seen.push(event);
    })();
    await until("the first event", async () => seen.length === 1);
    await succeed(grant, claim);
    await follower;
    expect(seen.map(({ type }) => type)).toEqual(["task.created", "agent.finished", "task.succeeded"]);
  });

  test("is no longer followed when nobody wants to", async () => {
    const { grant } = await claimedTask(redis, queue);
    const stop = new AbortController();
    const seen: number[] = [];
    for await (const { seq } of followTrace(redis, grant.task, 0, stop.signal)) {
      seen.push(seq);
      stop.abort();
    }
    expect(seen).toEqual([1]);
  });

  test("has one place in the outbox: a newer entry replaces it and outlives the dropping of the older one", async () => {
    const entry = (name: string) => ({ kind: "task" as const, task: { env: queue.env, namespace: "default", name } });
    await pushOutbox(redis, queue.env, entry("a"));
    await pushOutbox(redis, queue.env, entry("b"));
    const [first] = await readOutbox(redis, queue.env, 1);
    await pushOutbox(redis, queue.env, entry("a"));
    await dropOutbox(redis, queue.env, [first?.id ?? ""]);
    const left = await readOutbox(redis, queue.env, 10);
    expect(left.map((item) => item.entry)).toEqual([entry("b"), entry("a")]);
    await dropOutbox(
      redis,
      queue.env,
      left.map(({ id }) => id),
    );
    expect(await readOutbox(redis, queue.env, 10)).toEqual([]);
  });

  test("falls out of an outbox that nobody empties once enough newer ones came", async () => {
    const entry = (name: string) => ({ kind: "task" as const, task: { env: queue.env, namespace: "default", name } });
    const names = Array.from({ length: OUTBOX_SUBJECTS + 3 }, (_, index) => `t${index}`);
    for (const name of names) await pushOutbox(redis, queue.env, entry(name));
    const kept = await readOutbox(redis, queue.env, 2 * OUTBOX_SUBJECTS);
    expect(kept.map((item) => item.entry)).toEqual(names.slice(3).map(entry));
    expect(await redis.hlen(environmentKeys(queue.env).outbox)).toBe(OUTBOX_SUBJECTS);
  });
});
