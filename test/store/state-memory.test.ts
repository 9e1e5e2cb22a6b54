// A state that is remembered between reads is the state that is there; what goes on behind the history is seen in time.
import { beforeEach, expect, test } from "vitest";
import type { StateRecord } from "../../contracts/record.ts";
import type { Redis } from "../../store/connect.ts";
import { environmentKeys } from "../../store/keys.ts";
import { type ApplyRequest, applyPlan } from "../../store/scripts/apply-plan.ts";
import { readState } from "../../store/state.ts";
import { STATE_MEMORY_MS, StateMemory } from "../../store/state-memory.ts";
import { acquireWriterLock, type WriterLock } from "../../store/writer-lock.ts";
import { describeWithRedis, withRedis } from "../redis.ts";
import { manifestOf, newEnv, recordOf } from "./world.ts";

const SOME = Array.from({ length: 30 }, (_, index) => recordOf(manifestOf(`agent-${index}`, { model_ref: "m" })));

describeWithRedis("a remembered state", () => {
  let redis: Redis;
  let env = "";
  let lock: WriterLock;
  let plans = 0;
  let at = 0;
  let memory: StateMemory;
  withRedis((opened) => {
    redis = opened;
  });
  beforeEach(async () => {
    env = newEnv();
    const answer = await acquireWriterLock(redis, { env, holder: "r", ttlMs: 30_000 });
    if (answer.outcome === "held") throw new Error("held");
    ({ lock } = answer);
    at = 0;
    memory = new StateMemory(redis, env, () => new Date(at));
  });

  async function apply(writes: readonly StateRecord[], more: Partial<ApplyRequest> = {}): Promise<void> {
    plans += 1;
    const answer = await applyPlan(redis, {
      env,
      lock: { holder: lock.holder, token: lock.token },
      planId: `plan-${plans}`,
      planDigest: `sha256:${plans}`,
      lineage: "L1",
      newLineage: "L1",
      touched: [],
      writes,
      prunes: [],
      commit: null,
      policyDigest: "sha256:policy",
      appliedAt: "2026-01-02T03:04:05.000Z",
      taskIntents: [],
      history: {},
      ...more,
    });
    expect(answer.outcome).toBe("applied");
  }

  async function seen(read: Promise<{ head: unknown; records: Iterable<readonly [string, StateRecord]> }>) {
    const { head, records } = await read;
    return { head, records: [...records] };
  }

  async function expectWhole(): Promise<void> {
    expect(await seen(memory.read())).toEqual(await seen(readState(redis, env)));
  }

  test("follows applies that write, prune and add, in the order of addresses", async () => {
    await expectWhole();
    await apply(SOME, { lineage: "" });
    await expectWhole();
    await apply([recordOf(manifestOf("agent-3", { model_ref: "n" }), 2)]);
    await apply([recordOf(manifestOf("a-first"))], { prunes: SOME.slice(7, 9).map(({ address }) => address) });
    await expectWhole();
    await expectWhole();
  });

  test("reads of thirty records the one that was written", async () => {
    await apply(SOME, { lineage: "" });
    await memory.read();
    await apply([recordOf(manifestOf("agent-3", { model_ref: "n" }), 2)]);
    const counted = async (): Promise<number> =>
      Number(/cmdstat_hgetall:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1] ?? 0);
    const before = await counted();
    const { records } = await memory.read();
    expect(records.get(SOME[3]?.address as never)?.generation).toBe(2);
    // The head twice, once with the history; never the records.
    expect((await counted()) - before).toBe(3);
  });

  test("is read whole again where a record is gone", async () => {
    await apply(SOME, { lineage: "" });
    await memory.read();
    await redis.hdel(environmentKeys(env).records, SOME[0]?.address ?? "");
    await expectWhole();
    await expectWhole();
  });

  test("notices a changed byte after its time, or when told that something moved", async () => {
    await apply(SOME, { lineage: "" });
    await memory.read();
    const key = environmentKeys(env).records;
    const address = SOME[5]?.address ?? "";
    const text = (await redis.hget(key, address)) ?? "";
    await redis.hset(key, address, text.replace('"generation":1', '"generation":9'));
    await memory.read();
    at += STATE_MEMORY_MS;
    await expect(memory.read()).rejects.toThrow(/cannot be believed/);
    await redis.hset(key, address, text);
    await memory.read();
    await redis.hset(key, address, text.replace('"generation":1', '"generation":9'));
    memory.forget();
    await expect(memory.read()).rejects.toThrow(/cannot be believed/);
  });

  test("never outlives its server's data", async () => {
    await apply(SOME, { lineage: "" });
    await memory.read();
    await redis.flushall();
    expect(await memory.read()).toEqual({ head: null, records: new Map() });
  });
});
