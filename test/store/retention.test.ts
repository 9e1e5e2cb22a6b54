// Retention in a real Redis: what goes, what stays, and that the audit list tells where every dropped trace ended.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { readAuditList, verifyAuditList } from "../../store/audit-list.ts";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { dropTask } from "../../store/drop-task.ts";
import { environmentKeys, taskKeys } from "../../store/keys.ts";
import { type ActivationQueue, openQueue } from "../../store/queue.ts";
import { Retention } from "../../store/retention.ts";
import { releaseActivation } from "../../store/scripts/release.ts";
import { readTask } from "../../store/tasks.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { claimedTask, eventsAfter, newEnv } from "./world.ts";

const HOUR_MS = 3_600_000;

describeWithRedis("retention", () => {
  let server: TestRedis;
  let redis: Redis;
  let queue: ActivationQueue;
  beforeAll(async () => {
    server = await testRedis();
    redis = connectRedis(server.url, "command");
  });
  afterAll(async () => {
    await closeRedis(redis);
    await server.stop();
  });
  beforeEach(() => {
    queue = openQueue(redis, newEnv());
    return () => queue.close();
  });

  async function endedTask(name: string, phase: "Succeeded" | "Failed") {
    const { grant, claim } = await claimedTask(redis, queue, { name });
    const events = eventsAfter(grant.task, claim.head, ["agent.finished"]);
    const graph = { ...claim.task.graph, open: 0 };
    const end = { ...grant, after: claim.head, events, phase: "Done" as const, graph, start: [], taskPhase: phase };
    await releaseActivation(redis, queue, end);
    return grant.task;
  }

  async function left(): Promise<string[]> {
    return (await redis.zrange(environmentKeys(queue.env).tasks, "0", "-1")).map(
      (member) => member.split("/")[1] ?? "",
    );
  }

  test("drops what ended long ago, keeps what failed for longer, and never what is under way", async () => {
    const gone = await endedTask("a-succeeded", "Succeeded");
    await endedTask("b-failed", "Failed");
    const { grant } = await claimedTask(redis, queue, { name: "c-running" });
    const head = (await readTask(redis, gone))?.trace;
    const rules = { keptMs: HOUR_MS, keptFailedMs: 3 * HOUR_MS, keptTasks: 100 };
    const retention = new Retention(redis, queue.env, rules);
    expect(await retention.step(Date.now())).toBe(0);
    expect(await retention.step(Date.now() + 2 * HOUR_MS)).toBe(1);
    expect(await left()).toEqual(["b-failed", "c-running"]);
    expect(await redis.exists(taskKeys(gone).journal)).toBe(0);
    const list = await readAuditList(redis, queue.env);
    expect(list).toMatchObject([{ number: 1, task: "default/a-succeeded", events: head?.seq, head: head?.head }]);
    expect(await retention.step(Date.now() + 4 * HOUR_MS)).toBe(1);
    expect(await left()).toEqual(["c-running"]);
    expect((await readTask(redis, grant.task))?.phase).toBe("Running");
    expect(verifyAuditList(queue.env, await readAuditList(redis, queue.env))).toEqual({
      outcome: "intact",
      entries: 2,
    });
  });

  test("drops the oldest beyond a number", async () => {
    for (const name of ["a", "b", "c"]) await endedTask(name, "Succeeded");
    const retention = new Retention(redis, queue.env, { keptMs: HOUR_MS, keptFailedMs: HOUR_MS, keptTasks: 1 });
    expect(await retention.step(Date.now())).toBe(2);
    expect(await left()).toEqual(["c"]);
  });

  test("leaves an audit list in which no entry can be changed, taken out or exchanged unseen", async () => {
    for (const name of ["a", "b", "c"]) await dropTask(redis, await endedTask(name, "Succeeded"));
    const list = await readAuditList(redis, queue.env);
    const [first, second, third] = list;
    if (first === undefined || second === undefined || third === undefined) throw new Error("three were dropped");
    expect(verifyAuditList(queue.env, list)).toEqual({ outcome: "intact", entries: 3 });
    const broken = { outcome: "broken", number: 2 };
    expect(verifyAuditList(queue.env, [first, { ...second, head: third.head }, third])).toEqual(broken);
    expect(verifyAuditList(queue.env, [first, third])).toEqual(broken);
    expect(verifyAuditList("another", list)).toEqual({ outcome: "broken", number: 1 });
  });
});
