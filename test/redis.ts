// A real Redis of its own for a test file: a private server in a temporary folder, ended with the file.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureEmbedded, stopEmbedded } from "../store/embedded/embedded.ts";

export interface TestRedis {
  readonly url: string;
  stop(): Promise<void>;
}

/** Start it in `beforeAll`, stop it in `afterAll`; give each test an environment name of its own. */
export async function testRedis(): Promise<TestRedis> {
  const home = await mkdtemp(join(tmpdir(), "cw-redis-"));
  const { url } = await ensureEmbedded({
    home,
    path: process.env["PATH"] ?? "",
    userHome: process.env["HOME"],
    cacheHome: process.env["XDG_CACHE_HOME"],
    say: () => undefined,
  });
  const stop = async (): Promise<void> => {
    await stopEmbedded(home);
    await rm(home, { recursive: true, force: true });
  };
  return { url, stop };
}
