// A Redis of its own for a file of tests, and an environment with its queue for each of them.
import { afterAll, beforeAll, beforeEach } from "vitest";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { type ActivationQueue, openQueue } from "../../store/queue.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { newEnv } from "./world.ts";

/** `given` is called before each test. */
export function useQueue(given: (redis: Redis, queue: ActivationQueue, url: string) => void): void {
  let server: TestRedis;
  let redis: Redis;
  beforeAll(async () => {
    server = await testRedis();
    redis = connectRedis(server.url, "command");
  });
  afterAll(async () => {
    await closeRedis(redis);
    await server.stop();
  });
  beforeEach(() => {
    const queue = openQueue(redis, newEnv());
    given(redis, queue, server.url);
    return () => queue.close();
  });
}
