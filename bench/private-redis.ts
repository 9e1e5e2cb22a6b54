// A private Redis of its own for one benchmark, gone with its folder afterwards.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureEmbedded, stopEmbedded } from "../store/embedded/embedded.ts";

export async function withPrivateRedis(body: (url: string) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "cw-bench-"));
  try {
    const { url } = await ensureEmbedded({
      home,
      path: process.env["PATH"] ?? "",
      userHome: process.env["HOME"],
      cacheHome: process.env["XDG_CACHE_HOME"],
      say: () => undefined,
    });
    await body(url);
  } finally {
    await stopEmbedded(home);
    await rm(home, { recursive: true, force: true });
  }
}
