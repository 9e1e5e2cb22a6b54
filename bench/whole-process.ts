// Runs the built command as a whole process and measures it: time from start to end, and peak memory.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Whole {
  readonly ms: number;
  /** 0 where the system does not tell. */
  readonly peakMiB: number;
}

const COMMAND = join(import.meta.dirname, "../dist/cli/main.js");

/** `home` holds the private Redis and the caches. Throws where the command fails. */
export async function countwheel(home: string, ...words: readonly string[]): Promise<Whole> {
  const start = performance.now();
  const child = spawn(process.execPath, [COMMAND, ...words], {
    env: { ...process.env, COUNTWHEEL_HOME: home, COUNTWHEEL_REDIS_URL: "", REDIS_URL: "" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  let peakMiB = 0;
  const look = setInterval(() => {
    peakMiB = Math.max(peakMiB, readPeak(child.pid));
  }, 25);
  const [code] = await once(child, "close");
  clearInterval(look);
  if (code !== 0) throw new Error(`countwheel ${words[0]} ended with ${code}: ${said}`);
  return { ms: performance.now() - start, peakMiB };
}

function readPeak(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024;
  } catch {
    // The process has ended, or this is no Linux.
    return 0;
  }
}
