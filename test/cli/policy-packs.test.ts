// `policy packs` and `policy add`: a pack beside manifests is valid, counts, and is never written over a file of yours.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runAccess } from "../../cli/commands/access.ts";
import { runPolicyAdd, runPolicyPacks } from "../../cli/commands/policy-packs.ts";
import { runValidate } from "../../cli/commands/validate.ts";
import type { AccessReport } from "../../reconciler/access/access-report.ts";
import { listenIn } from "./manifests.ts";

const AGENT = `kind: Tool
metadata: {name: pay}
spec: {type: http, endpoint: "https://pay.example", risk_level: high}
---
kind: ModelEndpoint
metadata: {name: m}
spec: {provider: mock, default_model: mock}
---
kind: Agent
metadata: {name: clerk}
spec: {model_ref: m, tools: [pay]}
`;

let room: Awaited<ReturnType<typeof listenIn>>;
beforeEach(async () => {
  room = await listenIn();
  await writeFile(join(room.host.cwd, "all.yaml"), AGENT);
});
afterEach(() => room.remove());

it("adds a policy with its tests, which holds from then on", async () => {
  const { host, told } = room;
  expect(await runPolicyAdd(host, { pack: "read-only", dir: ".", output: "json" })).toBe(0);
  expect(JSON.parse(told.out)).toMatchObject({
    files: [{ path: "policies/read-only.yaml", how: "written" }, { path: "policies/read-only.tests.yaml" }],
  });
  expect(await runValidate(host, { paths: ["."], each: false, output: "json" })).toBe(0);
  told.out = "";
  expect(await runAccess(host, { env: "default", folder: ".", output: "json", verbose: false })).toBe(0);
  const { items } = JSON.parse(told.out) as AccessReport;
  expect(items[0]?.calls[0]).toMatchObject({ name: "pay", effect: "deny" });
});

it("keeps a file that is there, and what is changed in it fails the tests", async () => {
  const { host, told } = room;
  await runPolicyAdd(host, { pack: "read-only", dir: ".", output: "text" });
  const file = join(host.cwd, "policies/read-only.yaml");
  await writeFile(file, (await readFile(file, "utf8")).replace("write, delete, admin", "delete, admin"));
  await runPolicyAdd(host, { pack: "read-only", dir: ".", output: "text" });
  expect(told.out).toContain("kept: it exists");
  told.out = "";
  expect(await runValidate(host, { paths: ["."], each: false, output: "text" })).toBe(3);
  expect(told.out).toContain("POLICY_TEST: PolicyTest `pack-read-only`, `a write is denied`: expected deny");
});

it("lists the packs with what they are for, and names a near one", async () => {
  const { host, told } = room;
  await runPolicyPacks(host, { output: "text" });
  expect(told.out).toContain("read-only\n  Agents may look, and change nothing.");
  await expect(runPolicyAdd(host, { pack: "readonly", dir: ".", output: "text" })).rejects.toThrow("`read-only`");
});
