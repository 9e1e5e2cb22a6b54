// Where commands about tasks are tried: a Redis and a tool server for a file of tests, and a world of its own for each.
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { type TestRedis, testRedis } from "../redis.ts";
import { openToolServer, type ToolServer } from "../runner/tool-server.ts";
import { openWorld, type World } from "../runner/world.ts";

/** Filled before each test. */
export interface TaskWorld {
  server: TestRedis;
  tools: ToolServer;
  world: World;
}

/** `answer`: what every tool answers at once. */
export function useTaskWorld(answer?: string): TaskWorld {
  const here = {} as TaskWorld;
  beforeAll(async () => {
    here.server = await testRedis();
    here.tools = await openToolServer();
    here.tools.answerAtOnce(answer);
  });
  afterAll(async () => {
    await here.tools.close();
    await here.server.stop();
  });
  beforeEach(() => {
    here.world = openWorld(here.server.url);
  });
  afterEach(() => here.world.close());
  return here;
}
