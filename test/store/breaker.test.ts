// The breaker of a model endpoint on a real Redis: when it opens, who may ask, and when it closes.
import { randomUUID } from "node:crypto";
import { expect, test, vi } from "vitest";
import { listBreakers } from "../../store/breakers.ts";
import type { Redis } from "../../store/connect.ts";
import { breakerKeys } from "../../store/keys.ts";
import { type BreakerRules, enterBreaker, leaveBreaker, type Verdict } from "../../store/scripts/breaker.ts";
import { withRedis } from "../redis.ts";

let redis: Redis;

withRedis((opened) => {
  redis = opened;
});

const RULES: BreakerRules = { failures: 3, windowMs: 60_000, openMs: 60_000, longestMs: 600_000 };
const ALIVE: Verdict = { verdict: "alive" };
const failed = (waitMs = 0): Verdict => ({
  verdict: "failed",
  code: "MODEL_UNAVAILABLE",
  message: "answered 503",
  waitMs,
});

function breaker(rules: Partial<BreakerRules> = {}, endpoint = "claude") {
  const env = `t${randomUUID().slice(0, 8)}`;
  const keys = breakerKeys(env, { namespace: "default", name: endpoint });
  const enter = (probeMs = 60_000) => enterBreaker(redis, keys, probeMs);
  return {
    env,
    enter,
    leave: (verdict: Verdict, probe = false) =>
      leaveBreaker(redis, keys, { ...RULES, ...rules }, { ...verdict, probe }),
    halfOpen: () => vi.waitFor(async () => expect(await enter()).toEqual({ state: "probe" }), { interval: 5 }),
    view: async () => (await listBreakers(redis, env))[0],
  };
}

test("opens after so many failures in a row, for everybody, and says why", async () => {
  const { enter, leave, view } = breaker();
  expect(await enter()).toEqual({ state: "closed", failures: 0 });
  expect(await leave(failed())).toEqual({ state: "closed", failures: 1 });
  await leave(failed());
  const open = { state: "open", failures: 3, code: "MODEL_UNAVAILABLE", message: "answered 503" };
  expect(await leave(failed())).toMatchObject(open);
  const entry = await enter();
  expect(entry).toMatchObject(open);
  expect("remainingMs" in entry && entry.remainingMs > 50_000 && entry.remainingMs <= 60_000).toBe(true);
  expect(await view()).toMatchObject({
    endpoint: "default/claude",
    state: "open",
    opens: 1,
    lastFailure: { code: "MODEL_UNAVAILABLE", message: "answered 503" },
  });
});

test("forgets failures at the first success, and those that lie longer apart than the window", async () => {
  const { leave, view } = breaker();
  await leave(failed());
  await leave(failed());
  expect(await leave(ALIVE)).toEqual({ state: "closed", failures: 0 });
  expect(await view()).toBeUndefined();
  const apart = breaker({ windowMs: 0 });
  for (let times = 1; times <= 5; times += 1) {
    await vi.waitFor(async () => expect(await redis.time()).toBeDefined());
    await vi.waitFor(async () => expect(await apart.leave(failed())).toEqual({ state: "closed", failures: 1 }), {
      interval: 3,
    });
  }
});

test("lets one probe through when its time is over, and closes by its success", async () => {
  const { enter, leave, halfOpen, view } = breaker({ openMs: 30 });
  for (let times = 1; times <= 3; times += 1) await leave(failed());
  await halfOpen();
  expect(await enter()).toMatchObject({ state: "open" });
  expect(await view()).toMatchObject({ state: "half-open" });
  expect(await leave(ALIVE, true)).toEqual({ state: "closed", failures: 0 });
  expect(await enter()).toEqual({ state: "closed", failures: 0 });
});

test("of many that ask at once, one is the probe", async () => {
  const { enter, leave, halfOpen } = breaker({ openMs: 30 });
  for (let times = 1; times <= 3; times += 1) await leave(failed());
  await halfOpen();
  await leave({ verdict: "none" }, true);
  const entries = await Promise.all(Array.from({ length: 20 }, () => enter()));
  expect(entries.filter(({ state }) => state === "probe")).toHaveLength(1);
});

test("stays open twice as long with each probe that fails, up to its bound", async () => {
  const { leave, view } = breaker({ longestMs: 200_000 });
  for (let times = 1; times <= 3; times += 1) await leave(failed());
  const remaining: number[] = [];
  for (let times = 1; times <= 3; times += 1) {
    await leave(failed(), true);
    remaining.push(Math.ceil(((await view())?.remainingMs ?? 0) / 10_000) * 10);
  }
  expect(remaining).toEqual([120, 200, 200]);
});

test("stays open as long as the endpoint asks to wait, within its bound", async () => {
  const asked = async (waitMs: number): Promise<number> => {
    const { leave, view } = breaker({ failures: 1 });
    await leave(failed(waitMs));
    return Math.ceil(((await view())?.remainingMs ?? 0) / 10_000) * 10;
  };
  expect([await asked(90_000), await asked(5_000), await asked(9_000_000)]).toEqual([90, 60, 600]);
});

test("an answer to a call from before it opened neither closes it nor keeps it open longer", async () => {
  const { leave, view } = breaker();
  for (let times = 1; times <= 3; times += 1) await leave(failed());
  expect(await leave(ALIVE)).toMatchObject({ state: "open" });
  await leave(failed());
  expect(await view()).toMatchObject({ failures: 3, opens: 1 });
});

test("a probe that is never heard of again holds nobody up for long", async () => {
  const { enter, leave, halfOpen } = breaker({ openMs: 20 });
  for (let times = 1; times <= 3; times += 1) await leave(failed());
  await halfOpen();
  const lost = await enter(20);
  expect("remainingMs" in lost && lost.remainingMs <= 5_000).toBe(true);
  await leave({ verdict: "none" }, true);
  expect(await enter(20)).toEqual({ state: "probe" });
  await halfOpen();
});

test("leaves no key behind that does not end by itself", async () => {
  const { env, leave } = breaker();
  await leave(failed());
  const keys = await redis.keys(`cw:{e:${env}}:*`);
  expect(keys).toHaveLength(2);
  for (const key of keys) expect(await redis.pttl(key)).toBeGreaterThan(0);
});
