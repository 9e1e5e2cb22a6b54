// A hundred servers that are started, used, stopped, killed and given up: nothing of them is left.
import { readdirSync } from "node:fs";

import { afterEach, beforeEach, expect, test } from "vitest";
import { McpSupervisor } from "../../../runner/mcp/supervisor.ts";
import { ownerName } from "../../../runner/processes/owner.ts";
import { allGone, hostileSpec, makeLog, never, planFor, type ServerLog, secretsWith } from "./servers.ts";

const CYCLES = 100;
const AT_ONCE = 5;
const WAYS = ["close", "crash", "kill", "abort", "start"] as const;

let log: ServerLog;
beforeEach(async () => {
  log = await makeLog();
});
afterEach(() => log.remove());

async function cycle(way: (typeof WAYS)[number], index: number): Promise<void> {
  const supervisor = new McpSupervisor();
  const env = [
    { name: "CYCLE", value: `${index}` },
    { name: "TOKEN_FILE", secret_ref: "token", mount_path: "token" },
  ];
  const plan = await planFor(hostileSpec("normal", log.path, { env }), secretsWith({ token: `canary-${index}` }));
  const opening = new AbortController();
  const acquiring = supervisor.acquire(plan, way === "start" ? opening.signal : never());
  if (way === "start") opening.abort(new Error("given up"));
  const handle = await acquiring.catch(() => undefined);
  const call = (name: string, signal = never()): Promise<unknown> | undefined =>
    handle?.call(name, { text: "hi" }, { timeoutMs: 5_000, idempotencyKey: "k", signal }).catch(() => undefined);
  if (way === "crash") await call("crash");
  if (way === "kill") await Promise.all([call("echo_text"), kill(index)]);
  if (way === "abort") await call("echo_text", AbortSignal.abort(new Error("cancelled")));
  handle?.release();
  await supervisor.close();
}

/** Any that runs: those of other cycles are ended the hard way, too. */
async function kill(index: number): Promise<void> {
  const pids = await log.pids();
  const pid = pids[index % pids.length];
  try {
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

test("leaves no process, no descriptor and no file with a secret behind", async () => {
  await cycle("close", -1);
  await allGone(log);
  const before = readdirSync("/proc/self/fd").length;
  for (let from = 0; from < CYCLES; from += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, (_, at) => from + at);
    await Promise.all(batch.map((index) => cycle(WAYS[index % WAYS.length] ?? "close", index)));
  }
  await allGone(log);
  expect((await log.pids()).length).toBeGreaterThan(CYCLES / 2);
  await expect.poll(() => readdirSync("/dev/shm").filter((name) => name.includes(ownerName()))).toEqual([]);
  await expect.poll(() => readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before);
});
