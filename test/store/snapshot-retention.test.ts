// Snapshots in a real Redis: those that tasks name stay, those that nobody needs go, and nobody who makes a task is hurt.
import { expect, test } from "vitest";
import { makeSnapshot, type Snapshot } from "../../contracts/snapshot.ts";
import type { Redis } from "../../store/connect.ts";
import { dropTask } from "../../store/drop-task.ts";
import { environmentKeys, snapshotKey } from "../../store/keys.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { releaseActivation } from "../../store/scripts/release.ts";
import { dropUnmarked } from "../../store/scripts/snapshot-marks.ts";
import { SnapshotRetention } from "../../store/snapshot-retention.ts";
import { putSnapshot } from "../../store/snapshots.ts";
import { createTask } from "../../store/tasks.ts";
import { describeWithRedis } from "../redis.ts";
import { agent, record } from "../runner/world.ts";
import { useQueue } from "./use-queue.ts";
import { claim1, eventsAfter, taskOf } from "./world.ts";

const HOUR_MS = 3_600_000;

describeWithRedis("retention of snapshots", () => {
  let redis: Redis;
  let queue: ActivationQueue;
  useQueue((...given) => {
    [redis, queue] = given;
  });

  function snapshotOf(name: string): Snapshot {
    return makeSnapshot([record(agent(name))]);
  }

  /** As if it had been put so long ago. */
  async function putBefore(ms: number, name: string): Promise<Snapshot> {
    const snapshot = snapshotOf(name);
    await putSnapshot(redis, queue.env, snapshot);
    await redis.zincrby(environmentKeys(queue.env).snapshots, -ms, snapshot.digest);
    return snapshot;
  }

  function taskNaming(name: string, { digest }: Snapshot) {
    return { ...taskOf(queue.env, name), snapshot: digest };
  }

  async function isKept({ digest }: Snapshot): Promise<boolean> {
    return (await redis.exists(snapshotKey(queue.env, digest))) === 1;
  }

  /** Answers how many one round dropped, however many looks it takes. */
  async function round(): Promise<number> {
    const retention = new SnapshotRetention(redis, queue.env, { graceMs: HOUR_MS, roundEveryMs: 1 });
    let dropped = 0;
    for (let look = 0; look < 20; look += 1) dropped += await retention.step(0);
    return dropped;
  }

  test("drops those that no task names once their hour is over, and keeps those of tasks, ended or not", async () => {
    const [named, fresh, old] = [
      await putBefore(9 * HOUR_MS, "a"),
      await putBefore(0, "b"),
      await putBefore(2 * HOUR_MS, "c"),
    ];
    await createTask(redis, queue, taskNaming("t", named));
    expect(await round()).toBe(1);
    expect([await isKept(named), await isKept(fresh), await isKept(old)]).toEqual([true, true, false]);
    expect(await redis.zcard(environmentKeys(queue.env).snapshots)).toBe(2);
  });

  test("keeps the snapshot of a task that ended until the task itself is dropped", async () => {
    const named = await putBefore(2 * HOUR_MS, "a");
    const task = taskNaming("t", named);
    await createTask(redis, queue, task);
    const claim = await claim1(redis, task.ref, "r1");
    const end = {
      task: task.ref,
      activation: "planner#1",
      holder: "r1",
      epoch: claim.epoch,
      after: claim.head,
      events: eventsAfter(task.ref, claim.head, ["agent.finished"]),
      phase: "Done" as const,
      graph: { ...claim.task.graph, open: 0 },
      start: [],
      taskPhase: "Succeeded" as const,
    };
    await releaseActivation(redis, queue, end);
    expect([await round(), await isKept(named)]).toEqual([0, true]);
    expect(await dropTask(redis, task.ref)).toBe("dropped");
    await redis.zincrby(environmentKeys(queue.env).snapshots, -2 * HOUR_MS, named.digest);
    expect([await round(), await isKept(named)]).toEqual([1, false]);
  });

  test("does not drop what was put again since it was found to be old, and puts again what was dropped", async () => {
    const old = await putBefore(2 * HOUR_MS, "a");
    const beforeMs = Date.now() - HOUR_MS;
    await putSnapshot(redis, queue.env, old);
    expect([await dropUnmarked(redis, queue.env, [old.digest], beforeMs), await isKept(old)]).toEqual([[], true]);
    await redis.zincrby(environmentKeys(queue.env).snapshots, -2 * HOUR_MS, old.digest);
    expect(await dropUnmarked(redis, queue.env, [old.digest], beforeMs)).toEqual([old.digest]);
    await putSnapshot(redis, queue.env, old);
    expect(await isKept(old)).toBe(true);
  });

  test("goes through more tasks than one look takes, and drops more than one look drops", async () => {
    const named: Snapshot[] = [];
    for (let index = 0; index < 45; index += 1) await putBefore(2 * HOUR_MS, `nobody-${index}`);
    for (let index = 0; index < 120; index += 1) {
      const snapshot = await putBefore(2 * HOUR_MS, `named-${index}`);
      named.push(snapshot);
      await createTask(redis, queue, taskNaming(`t-${index}`, snapshot));
    }
    expect(await round()).toBe(45);
    for (const snapshot of named) expect(await isKept(snapshot)).toBe(true);
  });
});
