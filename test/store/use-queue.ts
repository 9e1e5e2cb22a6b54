// A Redis of its own for a file of tests, and an environment with its queue for each of them.
import { beforeEach } from "vitest";
import type { Redis } from "../../store/connect.ts";
import { type ActivationQueue, openQueue } from "../../store/queue.ts";
import { type TestRedis, withRedis } from "../redis.ts";
import { newEnv } from "./world.ts";

/** `given` is called before each test. */
export function useQueue(given: (redis: Redis, queue: ActivationQueue, url: string) => void): void {
  let server: TestRedis;
  let redis: Redis;
  withRedis((opened, on) => {
    [redis, server] = [opened, on];
  });
  beforeEach(() => {
    const queue = openQueue(redis, newEnv());
    given(redis, queue, server.url);
    return () => queue.close();
  });
}
