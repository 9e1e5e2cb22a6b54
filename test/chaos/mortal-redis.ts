// A Redis that can be killed as by a power cut, or stand still, and be started again: the same data, the same address.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { ensureEmbedded, stopEmbedded } from "../../store/embedded/embedded.ts";
import { killServer, readServerPid } from "../faults/kill-server.ts";
import { SEARCH } from "../redis.ts";

export interface MortalRedis {
  readonly url: string;
  /** Killed, gone for so long, and there again. */
  beAway(ms: number): Promise<void>;
  /** Takes connections and answers nothing. */
  standStill(ms: number): Promise<void>;
  stop(): Promise<void>;
}

export async function openMortalRedis(): Promise<MortalRedis> {
  const home = await mkdtemp(join(tmpdir(), "cw-mortal-"));
  const start = () => ensureEmbedded({ ...SEARCH, home, say: () => undefined });
  const { url } = await start();
  return {
    url,
    beAway: async (ms) => {
      await killServer(home);
      await wait(ms);
      if ((await start()).url !== url) throw new Error("the server came back elsewhere");
    },
    standStill: async (ms) => {
      const pid = await readServerPid(home);
      process.kill(pid, "SIGSTOP");
      await wait(ms);
      process.kill(pid, "SIGCONT");
    },
    stop: async () => {
      await stopEmbedded(home);
      await rm(home, { recursive: true, force: true });
    },
  };
}
