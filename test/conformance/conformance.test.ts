// The client scenarios of the Model Context Protocol's conformance suite, those too in which a person logs in.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type BuiltChild, buildChild } from "../built-child.ts";
import { AUTH_SCENARIOS, type Row, takesRevision } from "./auth-scenarios.ts";
import { buildSuite } from "./build-suite.ts";

const ROOT = join(import.meta.dirname, "../..");

let suite: BuiltChild;
let client: BuiltChild;

beforeAll(async () => {
  [suite, client] = await Promise.all([buildSuite(), buildChild("test/conformance/client.ts", "bundle")]);
});

afterAll(async () => {
  await Promise.all([suite.remove(), client.remove()]);
});

// Each is two processes that mostly wait for each other: as many at once as vitest allows.
it.concurrent.each<Row>([
  ["2025-06-18", "initialize"],
  ["2025-06-18", "tools_call"],
  ["2025-11-25", "initialize"],
  ["2025-11-25", "tools_call"],
  ["2025-11-25", "sse-retry"],
  ["2025-11-25", "elicitation-sep1034-client-defaults"],
  ["2025-11-25", "json-schema-2020-12-preservation"],
  ["2026-07-28", "tools_call"],
  ["2026-07-28", "request-metadata"],
  ["2026-07-28", "sep-2322-client-request-state"],
  ["2026-07-28", "http-standard-headers"],
  ["2026-07-28", "http-custom-headers"],
  ["2026-07-28", "http-invalid-tool-headers"],
  ["2026-07-28", "json-schema-ref-no-deref"],
  ["2026-07-28", "json-schema-2020-12-preservation"],
  ...AUTH_SCENARIOS,
])("passes at %s the scenario %s", async (version, scenario) => {
  const words = ["client", "--command", `${process.execPath} ${client.program}`, "--scenario", scenario];
  const named = takesRevision(scenario) ? ["--spec-version", version] : [];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [suite.program, ...words, ...named], {
    cwd: ROOT,
    // `2025-11-25` in a manifest means what came before it, too.
    env: { ...process.env, COUNTWHEEL_TEST_PROTOCOL: version === "2026-07-28" ? version : "2025-11-25" },
  }).catch((error: { stdout: string; stderr: string }) => error);
  expect(`${stdout}${stderr}`.slice(-4_000)).toContain("OVERALL: PASSED");
});
