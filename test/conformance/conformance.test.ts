// The client scenarios of the Model Context Protocol's conformance suite that a program without a person can pass.
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const SUITE = join(
  dirname(createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json")),
  "dist/index.js",
);
const HOOK = join(import.meta.dirname, "without-glob.mjs");
const CLIENT = `${process.execPath} --import tsx ${join(import.meta.dirname, "client.ts")}`;

it.each([
  ["2025-11-25", "initialize"],
  ["2025-11-25", "tools_call"],
  ["2025-11-25", "sse-retry"],
  ["2025-11-25", "auth/client-credentials-basic"],
  ["2026-07-28", "tools_call"],
  ["2026-07-28", "request-metadata"],
  ["2026-07-28", "http-standard-headers"],
  ["2026-07-28", "http-custom-headers"],
  ["2026-07-28", "http-invalid-tool-headers"],
  ["2026-07-28", "json-schema-ref-no-deref"],
  ["2026-07-28", "json-schema-2020-12-preservation"],
])("passes at %s the scenario %s", async (version, scenario) => {
  const words = ["client", "--command", CLIENT, "--scenario", scenario];
  const named = scenario.startsWith("auth/") ? [] : ["--spec-version", version];
  const program = ["--import", HOOK, SUITE, ...words, ...named];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, program, {
    cwd: ROOT,
    env: { ...process.env, COUNTWHEEL_TEST_PROTOCOL: version },
  }).catch((error: { stdout: string; stderr: string }) => error);
  expect(`${stdout}${stderr}`.slice(-4_000)).toContain("OVERALL: PASSED");
});
