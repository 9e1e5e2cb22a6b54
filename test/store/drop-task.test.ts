// Dropping ended tasks: every key goes, and nothing of a task that may still be written to.
import { afterAll, beforeAll, expect, it } from "vitest";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { dropTask } from "../../store/drop-task.ts";
import { finishTask } from "../../store/finish-task.ts";
import { taskKeys } from "../../store/keys.ts";
import { type ActivationQueue, openQueue } from "../../store/queue.ts";
import { releaseActivation } from "../../store/scripts/release.ts";
import { createTask, listTasks, readTask, readTrace } from "../../store/tasks.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { type Claimed, claimedTask, eventsAfter, type Grant, newEnv, taskOf } from "./world.ts";

describeWithRedis("dropping a task", () => {
  let server: TestRedis;
  let redis: Redis;
  let queue: ActivationQueue;
  beforeAll(async () => {
    server = await testRedis();
    redis = connectRedis(server.url, "command");
    queue = openQueue(redis, newEnv());
  });
  afterAll(async () => {
    await queue.close();
    await closeRedis(redis);
    await server.stop();
  });

  async function end(grant: Grant, claim: Claimed): Promise<void> {
    const answer = await releaseActivation(redis, queue, {
      ...grant,
      after: claim.head,
      events: eventsAfter(grant.task, claim.head, ["agent.finished", "task.succeeded"]),
      phase: "Done",
      graph: { visits: { planner: 1 }, outputs: { planner: "a plan" }, joins: {}, open: 0 },
      start: [],
      taskPhase: "Succeeded",
    });
    expect(answer.outcome).toBe("released");
    await finishTask(redis, grant.task);
  }

  it("takes all of its keys and leaves nothing in the indexes", async () => {
    const { grant, claim } = await claimedTask(redis, queue, { name: "gone" });
    await end(grant, claim);
    const kept = await claimedTask(redis, queue, { name: "kept" });
    expect(await dropTask(redis, grant.task)).toBe("dropped");
    const left = await redis.keys(`*${queue.env}/default/gone}*`);
    expect(left).toEqual([taskKeys(grant.task).task]);
    expect(await redis.pttl(left[0] ?? "")).toBeGreaterThan(0);
    expect(await readTask(redis, grant.task)).toBeUndefined();
    expect(await readTrace(redis, grant.task)).toEqual([]);
    expect((await listTasks(redis, queue.env)).map(({ name }) => name)).toEqual([kept.grant.task.name]);
    expect(await dropTask(redis, grant.task)).toBe("missing");
  });

  it("lets nobody make it again who was about to", async () => {
    const { grant, claim } = await claimedTask(redis, queue, { name: "once" });
    await end(grant, claim);
    await dropTask(redis, grant.task);
    expect(await createTask(redis, queue, taskOf(queue.env, "once"))).toEqual({ outcome: "exists" });
    expect(await readTask(redis, grant.task)).toBeUndefined();
    expect(await dropTask(redis, grant.task)).toBe("missing");
    expect((await listTasks(redis, queue.env)).map(({ name }) => name)).not.toContain("once");
  });

  it("leaves a task alone that goes on, or whose end was not told yet", async () => {
    const { grant } = await claimedTask(redis, queue, { name: "going" });
    expect(await dropTask(redis, grant.task)).toBe("going");
    await redis.hset(taskKeys(grant.task).task, "phase", "Succeeded");
    expect(await dropTask(redis, grant.task)).toBe("going");
    expect(await readTask(redis, grant.task)).toBeDefined();
  });
});
