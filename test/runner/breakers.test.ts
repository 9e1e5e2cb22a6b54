// A runner's own knowledge of breakers: a healthy endpoint costs nothing, an ill one is asked about.
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { Breakers } from "../../runner/breakers.ts";
import type { Redis } from "../../store/connect.ts";
import type { Verdict } from "../../store/scripts/breaker.ts";
import { withRedis } from "../redis.ts";

let redis: Redis;
let nowMs = 0;

withRedis((opened) => {
  redis = opened;
});

const RULES = { failures: 2, windowMs: 60_000, openMs: 60_000, longestMs: 60_000 };
const ENDPOINT = { namespace: "default", name: "claude" };
const FAILED: Verdict = { verdict: "failed", code: "MODEL_TIMEOUT", message: "late", waitMs: 0 };

async function call(breakers: Breakers, verdict: Verdict): Promise<string> {
  const entry = await breakers.enter(ENDPOINT, RULES, 60_000);
  if (entry.state === "may-call") await entry.leave(verdict);
  return entry.state;
}

async function scriptsRun(): Promise<number> {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1] ?? 0);
}

test("a hundred calls of a healthy endpoint within a second ask Redis once", async () => {
  const breakers = new Breakers(redis, `t${randomUUID().slice(0, 8)}`, () => nowMs);
  await call(breakers, { verdict: "alive" });
  const before = await scriptsRun();
  for (let times = 1; times <= 100; times += 1) expect(await call(breakers, { verdict: "alive" })).toBe("may-call");
  expect(await scriptsRun()).toBe(before);
  nowMs += 1_001;
  await call(breakers, { verdict: "alive" });
  expect(await scriptsRun()).toBe(before + 1);
});

test("failures that another runner had are counted with one's own, and seen within a second", async () => {
  const env = `t${randomUUID().slice(0, 8)}`;
  const [one, other] = [new Breakers(redis, env, () => nowMs), new Breakers(redis, env, () => nowMs)];
  await call(other, { verdict: "alive" });
  await call(one, FAILED);
  await call(other, FAILED);
  expect(await call(other, FAILED)).toBe("open");
  nowMs += 1_001;
  expect(await call(one, FAILED)).toBe("open");
});
