// Retention in a real Redis: what goes, what stays, and that the audit log tells where every dropped trace ended.
import { expect, test } from "vitest";

import type { AuditEntry } from "../../contracts/audit/entry.ts";
import { RUNNERS_RETENTION } from "../../contracts/environment.ts";
import { readAuditLog } from "../../store/audit-log.ts";
import { tellEndedTasks } from "../../store/audit-tasks.ts";
import type { Redis } from "../../store/connect.ts";
import { environmentKeys, taskKeys } from "../../store/keys.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { Retention } from "../../store/retention.ts";
import { writeRetention } from "../../store/retention-rules.ts";
import { releaseActivation } from "../../store/scripts/release.ts";
import { sweepTasks } from "../../store/sweep.ts";
import { readTask } from "../../store/tasks.ts";
import { describeWithRedis } from "../redis.ts";
import { useQueue } from "./use-queue.ts";
import { claimedTask, eventsAfter } from "./world.ts";

const HOUR_MS = 3_600_000;

describeWithRedis("retention", () => {
  let redis: Redis;
  let queue: ActivationQueue;
  useQueue((...given) => {
    [redis, queue] = given;
  });

  async function endedTask(name: string, phase: "Succeeded" | "Failed") {
    const { grant, claim } = await claimedTask(redis, queue, { name });
    const events = eventsAfter(grant.task, claim.head, ["agent.finished"]);
    const graph = { ...claim.task.graph, open: 0 };
    const end = { ...grant, after: claim.head, events, phase: "Done" as const, graph, start: [], taskPhase: phase };
    await releaseActivation(redis, queue, end);
    return grant.task;
  }

  async function log(): Promise<AuditEntry[]> {
    const entries: AuditEntry[] = [];
    for await (const entry of readAuditLog(redis, queue.env)) entries.push(entry);
    return entries;
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
    const entries = await log();
    const facts = { task: "default/a-succeeded", phase: "Succeeded", events: head?.seq, head: head?.head };
    expect(entries).toMatchObject([
      { number: 1, kind: "task.ended", ...facts },
      { number: 2, kind: "task.dropped", ...facts },
    ]);
    expect(await retention.step(Date.now() + 4 * HOUR_MS)).toBe(1);
    expect(await left()).toEqual(["c-running"]);
    expect((await readTask(redis, grant.task))?.phase).toBe("Running");
    expect((await log()).map(({ kind, task }) => [kind, task])).toEqual([
      ["task.ended", "default/a-succeeded"],
      ["task.dropped", "default/a-succeeded"],
      ["task.ended", "default/b-failed"],
      ["task.dropped", "default/b-failed"],
    ]);
  });

  test("drops the oldest beyond a number", async () => {
    for (const name of ["a", "b", "c"]) await endedTask(name, "Succeeded");
    const retention = new Retention(redis, queue.env, { keptMs: HOUR_MS, keptFailedMs: HOUR_MS, keptTasks: 1 });
    expect(await retention.step(Date.now())).toBe(2);
    expect(await left()).toEqual(["c"]);
  });

  test("goes by the environment's settings where they say something, and by what its runner was told before that", async () => {
    for (const name of ["a", "b", "c", "d"]) await endedTask(name, "Succeeded");
    const rules = { keptMs: HOUR_MS, keptFailedMs: HOUR_MS, keptTasks: 4 };
    const told = new Retention(redis, queue.env, rules, { keptTasks: 3 });
    await writeRetention(redis, queue.env, { keptMs: null, keptFailedMs: null, keptTasks: 2 });
    expect(await told.step(Date.now())).toBe(1);
    const plain = new Retention(redis, queue.env, rules);
    expect(await plain.step(Date.now())).toBe(1);
    await writeRetention(redis, queue.env, { keptMs: 3 * HOUR_MS, keptFailedMs: null, keptTasks: null });
    expect(await plain.step(Date.now() + 2 * HOUR_MS)).toBe(0);
    await writeRetention(redis, queue.env, RUNNERS_RETENTION);
    expect(await plain.step(Date.now() + 2 * HOUR_MS)).toBe(2);
    expect(await redis.exists(environmentKeys(queue.env).retention)).toBe(0);
  });

  test("drops nothing where the settings in Redis cannot be read", async () => {
    await endedTask("a", "Succeeded");
    await redis.hset(environmentKeys(queue.env).retention, "keptMs", "soon");
    const retention = new Retention(redis, queue.env, { keptMs: 0, keptFailedMs: 0, keptTasks: 0 });
    await expect(retention.step(Date.now() + HOUR_MS)).rejects.toMatchObject({ code: "STATE_CORRUPT" });
    expect(await left()).toEqual(["a"]);
  });

  test("tells the audit log of every end once, whoever looks, and of the next end after a retry", async () => {
    const ref = await endedTask("a", "Failed");
    await endedTask("b", "Succeeded");
    const { auditPending } = environmentKeys(queue.env);
    expect((await redis.hkeys(auditPending)).toSorted()).toEqual(["default/a", "default/b"]);
    await Promise.all([1, 2, 3].map(() => sweepTasks(redis, queue)));
    expect((await log()).map(({ kind }) => kind)).toEqual(["task.ended", "task.ended"]);
    expect(await redis.exists(auditPending)).toBe(0);
    expect(await tellEndedTasks(redis, queue.env)).toBe(0);
    // What a crash between the end of a task and its note leaves: a task that ended and is live.
    await redis.zadd(environmentKeys(queue.env).live, Date.now(), "default/a");
    await redis.hset(taskKeys(ref).task, "head", "sha256:another-end");
    await sweepTasks(redis, queue);
    expect((await log()).map(({ task, head }) => [task, head]).at(-1)).toEqual(["default/a", "sha256:another-end"]);
  });
});
