// Connections against a real server and against none: fast, clear failures, without credentials and without noise.

import { once } from "node:events";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { expect, test } from "vitest";
import { checkServer, closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { environmentKeys } from "../../store/keys.ts";
import { readHead } from "../../store/state.ts";
import { describeWithRedis, type TestRedis, withRedis } from "../redis.ts";

const STRICT = { allowUnprotected: false };

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

test("tells that nobody listens, without waiting for somebody, and keeps the password to itself", async () => {
  const redis = connectRedis(`redis://user:hunter2@127.0.0.1:${await closedPort()}`, "command");
  const error = await checkServer(redis, STRICT).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: "TransientFailure", code: "REDIS_UNAVAILABLE" });
  expect(String(error)).toContain("127.0.0.1");
  expect(String(error) + JSON.stringify(error)).not.toContain("hunter2");
  redis.disconnect();
});

test("tells that a server which takes connections says nothing", async () => {
  const mute = createServer().listen(0, "127.0.0.1");
  await once(mute, "listening");
  const address = mute.address();
  const redis = connectRedis(`redis://127.0.0.1:${typeof address === "object" ? address?.port : 0}`, "command");
  await expect(checkServer(redis, STRICT)).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
  redis.disconnect();
  mute.close();
});

test("fails a command fast where the socket is gone", async () => {
  const redis = connectRedis("/nowhere/redis.sock", "command");
  await expect(readHead(redis, "default")).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
  redis.disconnect();
});

test.each(["http://localhost", "localhost:6379", "redis//x", ""])("refuses the URL `%s`", (url) => {
  expect(() => connectRedis(url, "command")).toThrow(expect.objectContaining({ code: "REDIS_URL_INVALID" }));
});

test.each(["a:b", "a}b", "{x", "a/b", "*", "", "a\nb", "x".repeat(300)])("makes no key of the name %j", (name) => {
  expect(() => environmentKeys(name)).toThrow(expect.objectContaining({ code: "NAME_REFUSED" }));
});

describeWithRedis("a server is checked before it is used:", () => {
  let server: TestRedis;
  let redis: Redis;
  withRedis((opened, on) => {
    [redis, server] = [opened, on];
  });

  test("a private one passes", async () => {
    expect(await checkServer(redis, STRICT)).toMatchObject({ policy: "noeviction", persistence: "aof", warnings: [] });
  });

  test("one that evicts keys is refused, with the mend", async () => {
    await redis.config("SET", "maxmemory-policy", "allkeys-lru");
    await expect(checkServer(redis, STRICT)).rejects.toMatchObject({
      code: "REDIS_EVICTS",
      message: expect.stringContaining("maxmemory-policy noeviction"),
    });
    await redis.config("SET", "maxmemory-policy", "noeviction");
  });

  test("one that is nearly full is used with a warning", async () => {
    await redis.config("SET", "maxmemory", "1");
    const report = await checkServer(redis, STRICT);
    await redis.config("SET", "maxmemory", "0");
    expect(report.memory).toMatchObject({ used: expect.any(Number), max: 1 });
    expect(report.warnings).toEqual([expect.stringMatching(/% of its maxmemory are used/)]);
  });

  test("one that keeps nothing is used with a warning", async () => {
    await redis.config("SET", "appendonly", "no");
    expect((await checkServer(redis, STRICT)).warnings).toEqual([expect.stringContaining("appendonly yes")]);
    await redis.config("SET", "appendonly", "yes");
  });

  test("one on the network without a password is refused, unless that is wanted", async ({ skip }) => {
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((each) => each?.family === "IPv4" && !each.internal);
    if (outside === undefined) return skip("this machine has no address but loopback");
    const port = await closedPort();
    await redis.config("SET", "protected-mode", "no", "bind", "0.0.0.0", "port", String(port));
    const remote = connectRedis(`redis://${outside.address}:${port}`, "command");
    await expect(checkServer(remote, STRICT)).rejects.toMatchObject({ code: "REDIS_UNPROTECTED" });
    expect(await checkServer(remote, { allowUnprotected: true })).toMatchObject({ policy: "noeviction" });
    await closeRedis(remote);
    await redis.config("SET", "port", "0");
  });

  test("one that refuses the password says so for good", async () => {
    await redis.config("SET", "requirepass", "right");
    const wrong = connectRedis(server.url, "command");
    await expect(checkServer(wrong, STRICT)).rejects.toMatchObject({ name: "PermanentFailure", code: "REDIS_AUTH" });
    wrong.disconnect();
    await redis.config("SET", "requirepass", "");
  });
});
