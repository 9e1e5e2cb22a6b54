// A state key over a real Redis: what was not sealed by us, or is not what we sealed last, is named and never used.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { StateRecord } from "../../contracts/record.ts";
import { parseStateKey, type StateKey } from "../../contracts/state-key.ts";
import { readLastEntry } from "../../store/audit-log.ts";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { readHistory } from "../../store/history.ts";
import { environmentKeys } from "../../store/keys.ts";
import { type ApplyRequest, applyPlan } from "../../store/scripts/apply-plan.ts";
import { sealState } from "../../store/scripts/seal-state.ts";
import { readHead, readState } from "../../store/state.ts";
import { acquireWriterLock, type WriterLock } from "../../store/writer-lock.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { manifestOf, newEnv, recordOf } from "./world.ts";

const OLD = "o".repeat(32);
const NEW = "n".repeat(32);
const PLANNER = recordOf(manifestOf("planner", { model_ref: "m" }));
const PLANNER2 = recordOf(manifestOf("planner", { model_ref: "n" }), 2);
const WRITER = recordOf(manifestOf("writer", { model_ref: "m" }));

const ADA = { kind: "local", name: "ada" } as const;

function keyOf(text: string): StateKey {
  const key = parseStateKey(text);
  if (key === undefined) throw new Error("the key is too short");
  return key;
}

describeWithRedis("a sealed state", () => {
  let server: TestRedis;
  const clients: Redis[] = [];
  let plain: Redis;
  let keyed: Redis;
  let env = "";
  let lock: WriterLock;
  let plans = 0;
  const connect = (key?: string): Redis => {
    const client = connectRedis(server.url, "command", key === undefined ? undefined : keyOf(key));
    clients.push(client);
    return client;
  };
  beforeAll(async () => {
    server = await testRedis();
    plain = connect();
    keyed = connect(OLD);
  });
  afterAll(async () => {
    await Promise.all(clients.map(closeRedis));
    await server.stop();
  });
  beforeEach(async () => {
    env = newEnv();
    const answer = await acquireWriterLock(plain, { env, holder: "r1", ttlMs: 60_000 });
    if (answer.outcome === "held") throw new Error("held");
    lock = answer.lock;
  });

  async function apply(client: Redis, writes: readonly StateRecord[], more: Partial<ApplyRequest> = {}) {
    plans += 1;
    const lineage = (await readHead(client, env))?.lineage ?? "";
    const answer = await applyPlan(client, {
      env,
      lock: { holder: lock.holder, token: lock.token },
      planId: `plan-${plans}`,
      planDigest: `sha256:${plans}`,
      lineage,
      newLineage: "L1",
      touched: [],
      writes,
      prunes: [],
      commit: "a1b2c3d",
      policyDigest: "sha256:policy",
      appliedAt: "2026-01-02T03:04:05.000Z",
      taskIntents: [],
      history: {},
      ...more,
    });
    expect(answer.outcome).toBe("applied");
  }
  const recordText = async (address: string): Promise<string> =>
    (await plain.hget(environmentKeys(env).records, address)) ?? "";

  test("is read by whoever holds the key, and by nobody else", async () => {
    await apply(keyed, [PLANNER, WRITER]);
    await apply(keyed, [PLANNER2], { prunes: [WRITER.address] });
    expect([...(await readState(keyed, env)).records.values()]).toEqual([{ ...PLANNER2, serial: 2 }]);
    await expect(readState(plain, env)).rejects.toMatchObject({ code: "STATE_KEY_MISSING" });
    await expect(readState(connect(NEW), env)).rejects.toMatchObject({ code: "STATE_KEY_MISSING" });
    await expect(apply(plain, [WRITER])).rejects.toMatchObject({ code: "STATE_KEY_MISSING" });
    expect((await readHistory(keyed, env, 5)).map(({ sealed }) => sealed)).toEqual([true, true]);
  });

  test("names the first by address of several records that cannot be believed", async () => {
    await apply(keyed, [PLANNER, WRITER]);
    const { records } = environmentKeys(env);
    for (const { address } of [WRITER, PLANNER]) {
      const was = await recordText(address);
      await plain.hdel(records, address);
      await plain.hset(records, address, was.replace('"generation":1', '"generation":7'));
    }
    const [first] = [PLANNER.address, WRITER.address].toSorted();
    await expect(readState(keyed, env)).rejects.toMatchObject({ message: expect.stringContaining(`${first} `) });
  });

  test("names a record of which a byte changed, and one whose seal became a plain digest", async () => {
    await apply(keyed, [PLANNER, WRITER]);
    const { records } = environmentKeys(env);
    const was = await recordText(PLANNER.address);
    await plain.hset(records, PLANNER.address, was.replace('"generation":1', '"generation":7'));
    await expect(readState(keyed, env)).rejects.toMatchObject({
      code: "STATE_CORRUPT",
      message: expect.stringContaining(PLANNER.address),
    });
    const other = newEnv();
    const before = env;
    env = other;
    const answer = await acquireWriterLock(plain, { env, holder: "r1", ttlMs: 60_000 });
    if (answer.outcome === "acquired") lock = answer.lock;
    await apply(plain, [PLANNER]);
    const forged = await recordText(PLANNER.address);
    env = before;
    await plain.hset(records, PLANNER.address, forged);
    await expect(readState(keyed, env)).rejects.toMatchObject({
      code: "STATE_UNSEALED",
      message: expect.stringContaining(PLANNER.address),
    });
  });

  test("notices an older record of its own that was put back, one that was removed, and an older head", async () => {
    await apply(keyed, [PLANNER, WRITER]);
    const { records, head } = environmentKeys(env);
    const old = await recordText(PLANNER.address);
    const oldHead = await plain.hgetall(head);
    await apply(keyed, [PLANNER2]);
    const now = await recordText(PLANNER.address);
    await plain.hset(records, PLANNER.address, old);
    await expect(readState(keyed, env)).rejects.toMatchObject({
      code: "STATE_CORRUPT",
      message: expect.stringContaining("replaced by an older one"),
    });
    await expect(apply(keyed, [WRITER])).rejects.toMatchObject({ code: "STATE_CORRUPT" });
    await plain.hset(records, PLANNER.address, now);
    await plain.hset(head, oldHead);
    await expect(readState(keyed, env)).rejects.toMatchObject({ code: "STATE_CORRUPT" });
  });

  test("notices a whole state of the past, head and records alike, and a history that was taken away", async () => {
    await apply(keyed, [PLANNER, WRITER]);
    const keys = environmentKeys(env);
    const [old, oldHead] = [await plain.hgetall(keys.records), await plain.hgetall(keys.head)];
    await apply(keyed, [PLANNER2]);
    await plain.multi().del(keys.records, keys.head).hset(keys.records, old).hset(keys.head, oldHead).exec();
    await expect(readState(keyed, env)).rejects.toMatchObject({
      code: "STATE_CORRUPT",
      message: expect.stringContaining("it is at #1, and the history ends at #2"),
    });
    await expect(apply(keyed, [WRITER])).rejects.toMatchObject({ code: "STATE_CORRUPT" });
    await plain.xtrim(keys.history, "MAXLEN", 0);
    await expect(readState(keyed, env)).rejects.toThrow("the history is gone");
  });

  test("takes no record of another environment, although the same key sealed it", async () => {
    await apply(keyed, [PLANNER]);
    const foreign = await recordText(PLANNER.address);
    const { records } = environmentKeys(env);
    env = newEnv();
    const answer = await acquireWriterLock(plain, { env, holder: "r1", ttlMs: 60_000 });
    if (answer.outcome === "acquired") lock = answer.lock;
    await apply(keyed, [PLANNER]);
    await plain.hset(environmentKeys(env).records, PLANNER.address, foreign);
    await expect(readState(keyed, env)).rejects.toMatchObject({ code: "STATE_CORRUPT" });
    expect(records).not.toBe(environmentKeys(env).records);
  });

  test("names a history entry that was changed", async () => {
    await apply(keyed, [PLANNER]);
    const { history } = environmentKeys(env);
    const [[, fields] = ["", []]] = await plain.xrange(history, "-", "+");
    const altered = fields.map((field) => field.replace("a1b2c3d", "0000000"));
    await plain.del(history);
    await plain.xadd(history, "1-0", ...altered);
    await expect(readHistory(keyed, env, 5)).rejects.toMatchObject({
      code: "STATE_CORRUPT",
      message: expect.stringContaining("history entry 1-0"),
    });
  });

  test("is made of an unsealed one by one step, after which the history of before is shown as unsealed", async () => {
    await apply(plain, [PLANNER, WRITER]);
    await expect(readState(keyed, env)).rejects.toMatchObject({
      code: "STATE_UNSEALED",
      message: expect.stringContaining("countwheel seal"),
    });
    await expect(apply(keyed, [PLANNER2])).rejects.toMatchObject({ code: "STATE_UNSEALED" });
    expect(await sealState(keyed, env, lock, ADA)).toEqual({ outcome: "sealed", records: 2, serial: 1 });
    expect((await readState(keyed, env)).records.size).toBe(2);
    expect(await readLastEntry(keyed, env)).toMatchObject({
      kind: "state.sealed",
      serial: 1,
      records: 2,
      key: expect.stringMatching(/^[0-9a-f]{8}$/),
      by: "local:ada",
    });
    await apply(keyed, [PLANNER2]);
    expect((await readHistory(keyed, env, 5)).map(({ serial, sealed }) => [serial, sealed])).toEqual([
      [2, true],
      [1, false],
    ]);
  });

  test("takes a new key in two steps: both verify, then only the new one is needed", async () => {
    await apply(keyed, [PLANNER, WRITER]);
    const both = connect(`${NEW}, ${OLD}`);
    expect((await readState(both, env)).records.size).toBe(2);
    await sealState(both, env, lock, ADA);
    expect((await readState(connect(NEW), env)).records.size).toBe(2);
    await expect(readState(keyed, env)).rejects.toMatchObject({ code: "STATE_KEY_MISSING" });
  });

  test("believes no plain record below a sealed head when it is sealed again", async () => {
    await apply(plain, [PLANNER]);
    const forged = await recordText(PLANNER.address);
    await sealState(keyed, env, lock, ADA);
    await plain.hset(environmentKeys(env).records, PLANNER.address, forged);
    await expect(sealState(connect(`${NEW},${OLD}`), env, lock, ADA)).rejects.toMatchObject({ code: "STATE_UNSEALED" });
  });

  test("is sealed only by who holds the writer's lock", async () => {
    await apply(plain, [PLANNER]);
    const lost = { holder: "r0", token: lock.token };
    await expect(sealState(keyed, env, lost, ADA)).rejects.toMatchObject({ code: "LEASE_LOST" });
    await expect(readState(keyed, env)).rejects.toMatchObject({ code: "STATE_UNSEALED" });
  });

  test("refuses a key that can be guessed", () => {
    expect(parseStateKey("short")).toBeUndefined();
    expect(parseStateKey(`${OLD},short`)).toBeUndefined();
    expect(parseStateKey("")).toBeUndefined();
  });
});
