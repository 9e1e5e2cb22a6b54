// How runners announce themselves in a real Redis.
import { expect, test } from "vitest";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { runnersKey } from "../../store/keys.ts";
import { announceRunner, forgetRunner, listRunners } from "../../store/runners.ts";
import { describeWithRedis, withRedis } from "../redis.ts";
import { newEnv, until } from "./world.ts";

describeWithRedis("a runner", () => {
  let redis: Redis;
  withRedis((opened) => {
    redis = opened;
  });

  const info = {
    startedAt: "2026-01-02T03:04:05.000Z",
    concurrency: 1,
    leaseMs: 1,
    running: 0,
    gpu: false,
    models: [],
  };

  test("is listed while it announces itself, and leaves nothing behind when it is gone, though nobody lists", async () => {
    const env = newEnv();
    await announceRunner(redis, env, { ...info, id: "lost" }, 20);
    await announceRunner(redis, env, { ...info, id: "there" }, 60_000);
    await until("the lost one drops out", async () => (await listRunners(redis, env)).length === 1);
    await announceRunner(redis, env, { ...info, id: "there" }, 60_000);
    expect(await redis.zcard(runnersKey(env))).toBe(1);
    expect((await listRunners(redis, env)).map(({ id }) => id)).toEqual(["there"]);
    await forgetRunner(redis, env, "there");
    expect(await listRunners(redis, env)).toEqual([]);
  });

  test("fails as a Redis failure where Redis is away", async () => {
    const away = connectRedis("redis://127.0.0.1:1", "command");
    await expect(listRunners(away, "default")).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
    await closeRedis(away);
  });
});
