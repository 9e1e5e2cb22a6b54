// A real Redis of its own for a test file: a private server in a temporary folder, ended with the file.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe } from "vitest";
import { closeRedis, connectRedis, type Redis } from "../store/connect.ts";
import { ensureEmbedded, stopEmbedded } from "../store/embedded/embedded.ts";
import { findReal, type SearchRequest } from "../store/embedded/find-server.ts";

export interface TestRedis {
  readonly url: string;
  stop(): Promise<void>;
}

/** Where tests look for a server: as the command line does. */
export const SEARCH: SearchRequest = {
  path: process.env["PATH"] ?? "",
  userHome: process.env["HOME"],
  cacheHome: process.env["XDG_CACHE_HOME"],
};

/** Skips its tests, and says so, where this machine has no Redis and cannot get one. */
export const describeWithRedis =
  (await findReal(SEARCH)) === undefined
    ? (name: string, tests: () => void): unknown => describe.skip(`${name} (no redis-server here)`, tests)
    : describe;

/** A run that is cut off leaves no server behind for longer. */
const IDLE_MS = 600_000;

/** Start it in `beforeAll`, stop it in `afterAll`; give each test an environment name of its own. */
export async function testRedis(): Promise<TestRedis> {
  const home = await mkdtemp(join(tmpdir(), "cw-redis-"));
  const { url } = await ensureEmbedded({ ...SEARCH, home, idleMs: IDLE_MS, say: () => undefined });
  const stop = async (): Promise<void> => {
    await stopEmbedded(home);
    await rm(home, { recursive: true, force: true });
  };
  return { url, stop };
}

/** A server for the tests around, with a connection: `opened` gets both before the first of them. */
export function withRedis(opened: (redis: Redis, server: TestRedis) => void): void {
  let [server, redis]: [TestRedis | undefined, Redis | undefined] = [undefined, undefined];
  beforeAll(async () => {
    server = await testRedis();
    redis = connectRedis(server.url, "command");
    opened(redis, server);
  });
  afterAll(async () => {
    if (redis !== undefined) await closeRedis(redis);
    await server?.stop();
  });
}

/** A server for the tests around, with a world on it for each: `opened` gets both before it. */
export function withWorlds<World extends { close(): Promise<void> }>(
  open: (url: string) => World,
  opened: (world: World, server: TestRedis) => void,
): void {
  let [server, world]: [TestRedis | undefined, World | undefined] = [undefined, undefined];
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server?.stop());
  beforeEach(() => {
    if (server === undefined) throw new Error("there is no server");
    world = open(server.url);
    opened(world, server);
  });
  afterEach(() => world?.close());
}
