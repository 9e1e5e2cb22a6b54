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
const CLIENT = `${process.execPath} --import tsx ${join(import.meta.dirname, "client.ts")}`;

it.each(["initialize", "tools_call", "sse-retry", "auth/client-credentials-basic"])(
  "passes the scenario %s",
  async (scenario) => {
    const words = ["client", "--command", CLIENT, "--scenario", scenario];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [SUITE, ...words], { cwd: ROOT }).catch(
      (error: { stdout: string; stderr: string }) => error,
    );
    expect(`${stdout}${stderr}`).toContain("OVERALL: PASSED");
  },
);
