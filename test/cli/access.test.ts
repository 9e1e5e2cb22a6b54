// `access` as people and scripts meet it: of a folder, of the state to the line of the commit, and with what runners saw.
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type AccessOptions, runAccess } from "../../cli/commands/access.ts";
import { runApply } from "../../cli/commands/apply.ts";
import type { AccessReport } from "../../reconciler/access/access-report.ts";
import { connectRedis } from "../../store/connect.ts";
import { tellTools } from "../../store/sightings.ts";
import { type TestRepository, testRepository } from "../git.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { listenIn } from "./manifests.ts";

const AGENTS = `kind: ModelEndpoint
metadata: {name: m}
spec: {provider: mock, default_model: small}
---
kind: Tool
metadata: {name: stripe.refund}
spec: {type: http, endpoint: "https://stripe.example", risk_level: high}
---
kind: Tool
metadata: {name: orders.lookup}
spec: {type: http, endpoint: "https://orders.example"}
---
kind: McpServer
metadata: {name: files}
spec: {transport: stdio, command: "true"}
---
kind: AgentRole
metadata: {name: billing}
spec:
  permissions:
    - tool:orders.lookup:invoke
    - tool:stripe.refund:invoke
    - tool:files--read:invoke
---
kind: Agent
metadata: {name: refunds}
spec:
  model_ref: m
  roles: [billing]
  tools:
    - orders.lookup
    - stripe.refund
    - files--read
---
kind: AgentSystem
metadata: {name: shop}
spec: {agents: [refunds]}
`;
const POLICY = `kind: AgentPolicy
metadata: {name: guard}
spec:
  apply_mode: global
  max_tokens_per_run: 5000
  blocked_tools:
    - orders.lookup
  rules:
    - match: {tools: [stripe.refund]}
      must:
        amount: {at_most: 100}
    - match: {tools: [stripe.refund], arguments: {amount: {greater_than: 50}}}
      effect: ask
`;

describeWithRedis("access", () => {
  let server: TestRedis;
  let repository: TestRepository;
  let env: string;
  beforeAll(async () => {
    server = await testRedis();
    repository = await testRepository({ "agents/all.yaml": AGENTS, "agents/policy.yaml": POLICY });
  });
  afterAll(async () => {
    await repository.remove();
    await server.stop();
  });
  beforeEach(() => {
    env = `t-${randomUUID().slice(0, 8)}`;
  });
  const removals: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const remove of removals.splice(0)) await remove();
  });

  async function access(flags: Partial<AccessOptions>) {
    const { host, told, remove } = await listenIn();
    removals.push(remove);
    const options = { env, redis: server.url, output: "json", verbose: false, ...flags } as const;
    const code = await runAccess({ ...host, cwd: repository.folder }, options);
    return { code, ...told };
  }
  async function report(flags: Partial<AccessOptions> = {}): Promise<AccessReport> {
    return JSON.parse((await access(flags)).out) as AccessReport;
  }
  async function applyHead(): Promise<void> {
    const { host, remove } = await listenIn();
    removals.push(remove);
    const flags = { env, redis: server.url, output: "json", verbose: false, yes: true } as const;
    expect(await runApply({ ...host, cwd: repository.folder }, { ...flags, ref: "HEAD", path: "agents" })).toBe(0);
  }
  const places = (lines: AccessReport["items"][number]["calls"][number]["bounds"]) =>
    lines.map(({ text, source }) => `${text} @ ${source?.file}:${source?.line}`);

  it("tells calls, bounds and reasons of a folder with their lines, by the evaluator of the gate", async () => {
    const { items } = await report({ folder: "agents" });
    expect(items).toMatchObject([{ agent: "refunds", systems: ["shop"] }]);
    const calls = items[0]?.calls ?? [];
    expect(calls.map(({ what, name, effect }) => `${what} ${name} ${effect}`)).toEqual([
      "tool files--read allow",
      "tool orders.lookup deny",
      "tool stripe.refund allow",
      "model small allow",
    ]);
    expect(places(calls[2]?.bounds ?? [])).toEqual([
      "`amount` must be at most 100 @ agents/policy.yaml:9",
      "asks first where `amount` is greater than 50 @ agents/policy.yaml:12",
      "at most 5000 tokens in one task @ agents/policy.yaml:5",
    ]);
    expect(places(calls[2]?.because ?? [])).toEqual([
      "the agent lists it in `tools` @ agents/all.yaml:32",
      "role `billing` gives `tool:stripe.refund:invoke` @ agents/all.yaml:22",
      "the agent's roles permit it @ agents/all.yaml:29",
    ]);
    expect(calls[1]?.because).toMatchObject([{ rule: "spec.tools[0]" }, { code: "TOOL_BLOCKED", source: { line: 7 } }]);
  });

  it("tells those of a commit, whatever stands in the folder by now, and of the one before it", async () => {
    const before = await repository.git("rev-parse", "HEAD");
    await repository.commit({ "agents/policy.yaml": POLICY.replace("    - orders.lookup", "    - stripe.refund") });
    await writeFile(join(repository.folder, "agents/policy.yaml"), "kind: Nothing\n");
    try {
      const denied = async (ref: string): Promise<unknown> => {
        const { items } = await report({ ref, path: "agents", agent: "refunds" });
        return (items[0]?.calls ?? []).filter(({ effect }) => effect === "deny").map(({ name }) => name);
      };
      expect([await denied("main"), await denied(before)]).toEqual([["stripe.refund"], ["orders.lookup"]]);
      const { out } = await access({ ref: "main", path: "agents", output: "text" });
      expect(out).toContain("TOOL_BLOCKED: `stripe.refund` is blocked   agents/policy.yaml:7");
      await expect(access({ ref: "gone", path: "agents" })).rejects.toMatchObject({ code: "REF_NOT_FOUND" });
    } finally {
      await repository.commit({ "agents/policy.yaml": POLICY });
    }
  });

  it("tells the state's with the lines of the commit that was applied, and what a runner saw of a server", async () => {
    await applyHead();
    const redis = connectRedis(server.url, "command", undefined);
    const seen = {
      namespace: "default",
      server: "files",
      launch: "l",
      runner: "r",
      at: "2026-01-01T00:00:00Z",
      texts: {},
      pins: [],
    };
    try {
      expect((await report()).items[0]?.calls[0]).toMatchObject({ name: "files--read", seen: null });
      await tellTools(redis, env, { ...seen, tools: { read: "sha256:1" } });
      const calls = (await report({ agent: "refunds" })).items[0]?.calls ?? [];
      expect(calls[0]).toMatchObject({ name: "files--read", seen: true });
      expect(calls[1]?.because).toMatchObject([{}, { source: { file: "agents/policy.yaml", line: 7 } }]);
      await tellTools(redis, env, { ...seen, tools: { write: "sha256:1" } });
      expect((await report()).items[0]?.calls[0]).toMatchObject({ seen: false });
    } finally {
      redis.disconnect();
    }
  });

  it("reads well, and names a near match of an agent that is not there", async () => {
    const { out } = await access({ folder: "agents", output: "text" });
    expect(out).toContain("refunds   in shop   agents/all.yaml:25");
    expect(out).toContain("  in all: at most 5000 tokens in one task   agents/policy.yaml:5");
    expect(out).toContain("  ✕ orders.lookup (read, denied)");
    expect(out).toContain("      within: `amount` must be at most 100   agents/policy.yaml:9");
    expect((await access({ agent: "agents", output: "text" })).out).toBe(out);
    await expect(access({ folder: "agents", agent: "refnds" })).rejects.toThrow("Did you mean `refunds`?");
  });
});
