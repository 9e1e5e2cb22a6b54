// The demo as a newcomer runs it: a whole process without key, network or Redis, and nothing left behind.
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");

it("tells the whole line and leaves nothing behind", { timeout: 120_000 }, async () => {
  const scratch = mkdtempSync(join(tmpdir(), "cw-demo-test-"));
  const entry = [join(root, "dist/cli/main.js"), "demo"];
  const env = { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", TMPDIR: scratch };
  const { stdout } = await run(process.execPath, entry, { cwd: scratch, env });
  expect(stdout).toMatch(/Plan: 19 to create, 0 to update, 0 to move, 0 to prune\./);
  expect(stdout).toMatch(/channel-post +telegram-bot-system +Succeeded/);
  expect(stdout).toMatch(/filesystem_delete .*✕ denied {2}TOOL_BLOCKED/);
  expect(stdout).toContain("<!-- countwheel:plan v=1 env=default");
  expect(stdout).toMatch(/applied as #2/);
  expect(stdout).toMatch(/3 traces with \d+ events, 2 applies, \d+ entries of the audit log: intact/);
  expect(readdirSync(scratch).filter((name) => name.startsWith("countwheel-demo-"))).toEqual([]);
  rmSync(scratch, { recursive: true, force: true });
});
