// The observed state in a real Redis: applied at once or not at all, fenced, and never believed when it is damaged.
import { beforeEach, expect, test } from "vitest";
import type { Address } from "../../contracts/address.ts";
import type { StateRecord } from "../../contracts/record.ts";
import { makeSnapshot } from "../../contracts/snapshot.ts";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { readHistory } from "../../store/history.ts";
import { environmentKeys, snapshotKey } from "../../store/keys.ts";
import { type ApplyRequest, applyPlan } from "../../store/scripts/apply-plan.ts";
import { putSnapshot, readSnapshot } from "../../store/snapshots.ts";
import { readHead, readState } from "../../store/state.ts";
import { pendingTaskIntents, settleTaskIntent } from "../../store/task-intents.ts";
import { acquireWriterLock, type WriterLock } from "../../store/writer-lock.ts";
import { describeWithRedis, type TestRedis, withRedis } from "../redis.ts";
import { manifestOf, newEnv, recordOf, until } from "./world.ts";

const PLANNER = recordOf(manifestOf("planner", { model_ref: "m" }));
const PLANNER2 = recordOf(manifestOf("planner", { model_ref: "n" }), 2);
const WRITER = recordOf(manifestOf("writer", { model_ref: "m" }));

describeWithRedis("the observed state", () => {
  let server: TestRedis;
  let redis: Redis;
  let env = "";
  let lock: WriterLock;
  let plans = 0;
  withRedis((opened, on) => {
    [redis, server] = [opened, on];
  });
  beforeEach(async () => {
    env = newEnv();
    lock = await takeLock("reconciler-1");
  });

  async function takeLock(holder: string, ttlMs = 30_000): Promise<WriterLock> {
    const answer = await acquireWriterLock(redis, { env, holder, ttlMs });
    if (answer.outcome === "held") throw new Error(`held by ${answer.holder}`);
    return answer.lock;
  }

  function apply(
    writes: readonly StateRecord[],
    more: Partial<ApplyRequest> = {},
    client = redis,
  ): ReturnType<typeof applyPlan> {
    plans += 1;
    return applyPlan(client, {
      env,
      lock: { holder: lock.holder, token: lock.token },
      planId: `plan-${plans}`,
      planDigest: `sha256:${plans}`,
      lineage: "L1",
      newLineage: "L1",
      touched: [],
      writes,
      prunes: [],
      commit: "a1b2c3d",
      policyDigest: "sha256:policy",
      appliedAt: "2026-01-02T03:04:05.000Z",
      taskIntents: [],
      history: { author: "ada" },
      ...more,
    });
  }

  function firstApply(writes: readonly StateRecord[], more: Partial<ApplyRequest> = {}): ReturnType<typeof applyPlan> {
    return apply(writes, { lineage: "", ...more });
  }

  test("is nothing before the first apply, and afterwards what was written, with serial and lineage", async () => {
    expect(await readState(redis, env)).toEqual({ head: null, records: new Map() });
    expect(await firstApply([PLANNER, WRITER])).toEqual({ outcome: "applied", serial: 1, lineage: "L1" });
    expect(await apply([PLANNER2], { prunes: [WRITER.address] })).toMatchObject({ outcome: "applied", serial: 2 });
    const { head, records } = await readState(redis, env);
    expect({ head, records: new Map(records) }).toEqual({
      head: {
        env,
        lineage: "L1",
        serial: 2,
        commit: "a1b2c3d",
        policyDigest: "sha256:policy",
        appliedAt: "2026-01-02T03:04:05.000Z",
      },
      records: new Map([[PLANNER.address, { ...PLANNER2, serial: 2 }]]),
    });
  });

  test("holds two thousand records of one apply", async () => {
    const many = Array.from({ length: 2_000 }, (_, index) => recordOf(manifestOf(`agent-${index}`)));
    expect(await firstApply(many)).toMatchObject({ outcome: "applied" });
    expect((await readState(redis, env)).records.size).toBe(2_000);
  });

  test("refuses a plan whose records moved, and names the record; a change elsewhere does not disturb it", async () => {
    await firstApply([PLANNER]);
    const sawOld = { touched: [{ address: PLANNER.address, digest: PLANNER.digest }] };
    await apply([WRITER]);
    expect(await apply([PLANNER2], sawOld)).toMatchObject({ outcome: "applied", serial: 3 });
    expect(await apply([PLANNER], sawOld)).toEqual({ outcome: "stale", what: "record", address: PLANNER.address });
    const sawNone = { touched: [{ address: WRITER.address, digest: null }] };
    expect(await apply([WRITER], sawNone)).toEqual({ outcome: "stale", what: "record", address: WRITER.address });
    expect(await readHead(redis, env)).toMatchObject({ serial: 3 });
  });

  test("notices a flushed or exchanged server by its lineage", async () => {
    await firstApply([PLANNER]);
    expect(await firstApply([PLANNER])).toEqual({ outcome: "stale", what: "lineage" });
    await redis.del(environmentKeys(env).head, environmentKeys(env).records);
    expect(await apply([PLANNER2])).toEqual({ outcome: "stale", what: "lineage" });
    expect(await readState(redis, env)).toEqual({ head: null, records: new Map() });
  });

  test("does not take records without a head for an empty state", async () => {
    await firstApply([PLANNER]);
    await redis.del(environmentKeys(env).head);
    await expect(readState(redis, env)).rejects.toMatchObject({ code: "STATE_CORRUPT" });
    expect(await firstApply([WRITER])).toEqual({ outcome: "stale", what: "lineage" });
  });

  test("takes a plan once", async () => {
    await firstApply([PLANNER], { planId: "once" });
    expect(await apply([WRITER], { planId: "once" })).toEqual({ outcome: "used" });
    expect((await readState(redis, env)).records.size).toBe(1);
  });

  test("takes nothing from a writer whose lock went to another", async () => {
    await firstApply([PLANNER]);
    const lost = { holder: lock.holder, token: lock.token };
    await lock.release();
    lock = await takeLock("reconciler-2");
    expect(lock.token).toBeGreaterThan(lost.token);
    expect(await apply([WRITER], { lock: lost })).toEqual({ outcome: "lock-lost" });
    expect(await apply([WRITER], { lock: { ...lost, token: lock.token } })).toEqual({ outcome: "lock-lost" });
    expect((await readState(redis, env)).records.size).toBe(1);
  });

  test("is the old one after a crash between staging and switch", async () => {
    await firstApply([PLANNER]);
    const before = await readState(redis, env);
    // A connection that breaks at the switch is what a crash looks like from Redis.
    const dying = connectRedis(server.url, "command");
    dying.evalsha = () => Promise.reject(new Error("crash"));
    const crashing = apply([PLANNER2, WRITER], { planId: "crash", prunes: [PLANNER.address] }, dying);
    await expect(crashing).rejects.toThrow("crash");
    expect(await readState(redis, env)).toEqual(before);
    expect(await apply([PLANNER2, WRITER], { planId: "crash" })).toMatchObject({ outcome: "applied", serial: 2 });
    await closeRedis(dying);
  });

  test.each([
    ["a byte of a record", (text: string) => text.replace('"planner"', '"planned"')],
    ["its seal", (text: string) => text.replace(/^sha256:./, "sha256:z")],
    ["its end", (text: string) => text.slice(0, -1)],
    ["everything", () => "{}"],
  ])("names the record of which %s was changed", async (_what, damage) => {
    await firstApply([PLANNER, WRITER]);
    const { records } = environmentKeys(env);
    await redis.hset(records, PLANNER.address, damage((await redis.hget(records, PLANNER.address)) ?? ""));
    await expect(readState(redis, env)).rejects.toMatchObject({
      code: "STATE_CORRUPT",
      message: expect.stringContaining(PLANNER.address),
    });
  });

  test("notices a record under another's address, and a changed head", async () => {
    await firstApply([PLANNER, WRITER]);
    const { records, head } = environmentKeys(env);
    await redis.hset(head, "serial", "7");
    await expect(readHead(redis, env)).rejects.toMatchObject({ code: "STATE_CORRUPT" });
    await redis.hset(head, "serial", "1");
    await redis.hset(records, WRITER.address, (await redis.hget(records, PLANNER.address)) ?? "");
    await expect(readState(redis, env)).rejects.toMatchObject({ message: expect.stringContaining(WRITER.address) });
  });

  test("records a task intent once per content, until it is settled", async () => {
    const key = `${"Task/default/weekly" as Address}@sha256:spec`;
    await firstApply([PLANNER], { taskIntents: [{ key, name: "weekly-1" }] });
    const intent = { key, address: "Task/default/weekly", name: "weekly-1", commit: "a1b2c3d", serial: 1 };
    expect(await pendingTaskIntents(redis, env)).toEqual([{ ...intent, planDigest: expect.any(String) }]);
    await settleTaskIntent(redis, env, key);
    await apply([PLANNER2], { taskIntents: [{ key, name: "weekly-2" }] });
    expect(await pendingTaskIntents(redis, env)).toEqual([]);
  });

  test("has a history, newest first", async () => {
    await firstApply([PLANNER]);
    await apply([WRITER], { commit: null, history: { author: "grace" } });
    const [newest, oldest] = await readHistory(redis, env, 10);
    expect(newest).toMatchObject({ serial: 2, commit: null, facts: { author: "grace" } });
    expect(oldest).toMatchObject({ serial: 1, commit: "a1b2c3d", facts: { author: "ada" } });
    expect(await readHistory(redis, env, 1)).toEqual([newest]);
  });

  test("gives snapshots back by their digest, and refuses a missing or damaged one", async () => {
    const snapshot = makeSnapshot([PLANNER, WRITER]);
    await putSnapshot(redis, env, snapshot);
    await putSnapshot(redis, env, snapshot);
    expect(await readSnapshot(redis, env, snapshot.digest)).toEqual(snapshot);
    await expect(readSnapshot(redis, env, "sha256:none")).rejects.toMatchObject({ code: "SNAPSHOT_MISSING" });
    const key = snapshotKey(env, snapshot.digest);
    await redis.set(key, ((await redis.get(key)) ?? "").replace("planner", "plunder"));
    await expect(readSnapshot(redis, env, snapshot.digest)).rejects.toMatchObject({ code: "STATE_CORRUPT" });
  });

  test("is locked by one writer at a time, whose heartbeat keeps the lock", async () => {
    env = newEnv();
    const held = await takeLock("a", 150);
    const lapsesAt = async (): Promise<number> => Number(await redis.hget(environmentKeys(env).lock, "until"));
    const firstLife = await lapsesAt();
    await until("two lives of the lock have passed", async () => (await lapsesAt()) > firstLife + 300);
    expect(await acquireWriterLock(redis, { env, holder: "b", ttlMs: 150 })).toMatchObject({
      outcome: "held",
      holder: "a",
    });
    expect(held.signal.aborted).toBe(false);
    await held.release();
    expect((await takeLock("b")).token).toBe(held.token + 1);
  });

  test("tells a writer through its signal that the lock is lost", async () => {
    env = newEnv();
    const held = await takeLock("a", 150);
    await redis.hset(environmentKeys(env).lock, "token", String(held.token + 1));
    await until("the signal", async () => held.signal.aborted);
    expect(held.signal.reason).toMatchObject({ code: "LEASE_LOST" });
  });

  test("tells a writer that cannot reach Redis for the life of its lock that it is lost", async () => {
    env = newEnv();
    const alone = connectRedis(server.url, "command");
    const answer = await acquireWriterLock(alone, { env, holder: "a", ttlMs: 200 });
    alone.disconnect();
    if (answer.outcome === "held") throw new Error("held");
    await until("the signal", async () => answer.lock.signal.aborted);
  });
});
