// A real Redis of its own for a test file: a private server in a temporary folder, ended with the file.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "vitest";
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
