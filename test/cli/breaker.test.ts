// A breaker that is open is seen where people look: `get`, `describe` and `doctor`.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runDescribe } from "../../cli/commands/describe.ts";
import { runDoctor } from "../../cli/commands/doctor.ts";
import { runGet } from "../../cli/commands/get.ts";
import { readConfig } from "../../cli/config.ts";
import type { Host } from "../../cli/host.ts";
import { breakerKeys } from "../../store/keys.ts";
import { leaveBreaker } from "../../store/scripts/breaker.ts";
import { SEARCH, type TestRedis, testRedis } from "../redis.ts";
import { mockModel, openWorld, type World } from "../runner/world.ts";

let server: TestRedis;
let world: World;
let folder = "";

beforeAll(async () => {
  server = await testRedis();
  world = openWorld(server.url);
  folder = await mkdtemp(join(tmpdir(), "cw-breaker-"));
  await world.apply([mockModel("main"), mockModel("spare")]);
  const rules = { failures: 1, windowMs: 60_000, openMs: 600_000, longestMs: 600_000 };
  const failed = { verdict: "failed", code: "MODEL_TIMEOUT", message: "late", waitMs: 0, probe: false } as const;
  await leaveBreaker(world.redis, breakerKeys(world.env, { namespace: "default", name: "main" }), rules, failed);
});
afterAll(async () => {
  await world.close();
  await server.stop();
  await rm(folder, { recursive: true });
});

async function told(run: (host: Host) => Promise<unknown>): Promise<string> {
  let text = "";
  const stdout = { isTTY: false, columns: 200, write: (written: string) => void (text += written) };
  await run({
    stdout,
    stderr: { ...stdout, write: () => undefined },
    cwd: folder,
    config: readConfig({ COUNTWHEEL_HOME: folder, PATH: SEARCH.path, HOME: SEARCH.userHome, REDIS_URL: server.url })
      .config,
    signal: new AbortController().signal,
    now: () => new Date(),
    confirm: async () => false,
  });
  return text;
}

const common = (output: "text" | "json") => ({ env: world.env, output, verbose: false });

test("`get modelendpoints` has a column for it, and its JSON the reason", async () => {
  const table = await told((host) => runGet(host, { ...common("text"), kind: "modelendpoints", watch: false }));
  expect(table).toMatch(/^NAMESPACE +NAME +PROVIDER +MODEL +BREAKER +AGE\n/);
  expect(table).toMatch(/main +mock +mock-1 +open /);
  expect(table).toMatch(/spare +mock +mock-1 +closed /);
  const { items } = JSON.parse(await told((host) => runGet(host, { ...common("json"), kind: "model", watch: false })));
  expect(items.map(({ status }: { status: { breaker: unknown } }) => status.breaker)).toMatchObject([
    { state: "open", failures: 1, lastFailure: { code: "MODEL_TIMEOUT", message: "late" } },
    { state: "closed" },
  ]);
});

test("`describe` and `doctor` say how long it lasts and what happened", async () => {
  const sentence = /open, asked again in (9m \d\ds|10m 00s); 1 failure, the last at \S+: MODEL_TIMEOUT: late/;
  expect(await told((host) => runDescribe(host, { ...common("text"), kind: "modelendpoint", name: "main" }))).toMatch(
    sentence,
  );
  const checks = await told((host) => runDoctor(host, { ...common("text"), allowUnprotected: true }));
  expect(checks).toMatch(/^warn +models +ModelEndpoint default\/main: its breaker is open, asked again in/m);
  expect(checks).not.toContain("spare");
});
