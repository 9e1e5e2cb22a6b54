// Effective access before and after a plan, as the run-time evaluator sees it, with the line that causes it.
import { describe, expect, it } from "vitest";
import type { LoadedManifest } from "../../../reconciler/load/desired-set.ts";
import { manifest, observed, plan, source } from "./builders.ts";

const read = manifest("Tool", "orders.lookup", {});
const write = manifest("Tool", "stripe.refund", { risk_level: "high" });
const agent = (tools: readonly string[], more: object = {}) =>
  manifest("Agent", "refunds", { model_ref: "m", tools, ...more });
const system = (name: string) => manifest("AgentSystem", name, { agents: ["refunds"] });
const block = (spec: object) => manifest("AgentPolicy", "guard", { apply_mode: "global", ...spec });

function access(before: readonly LoadedManifest[], after: readonly LoadedManifest[]) {
  return plan({ source: source(after), observed: observed(before) }).access;
}

describe("access", () => {
  it("grows by a tool that the agent newly lists, and points to that line", () => {
    expect(access([read, agent([])], [read, agent(["orders.lookup"])])).toEqual([
      { agent: "refunds", gained: ["orders.lookup (read)"], lost: [], cause: { file: "refunds.yaml", line: 6 } },
    ]);
  });

  it("shrinks by a policy that blocks a tool, and points to the policy", () => {
    const before = [write, agent(["stripe.refund"]), block({ blocked_tools: [] })];
    expect(access(before, [write, agent(["stripe.refund"]), block({ blocked_tools: ["stripe.refund"] })])).toEqual([
      { agent: "refunds", gained: [], lost: ["stripe.refund (write)"], cause: { file: "guard.yaml", line: 1 } },
    ]);
  });

  it("names the system where a policy targets only one of them", () => {
    const scoped = manifest("AgentPolicy", "guard", { target_systems: ["b"], blocked_tools: ["orders.lookup"] });
    const set = [read, system("a"), system("b"), agent(["orders.lookup"])];
    expect(access(set, [...set, scoped])).toMatchObject([
      { gained: ["orders.lookup (read) in a"], lost: ["orders.lookup (read)"] },
    ]);
  });

  it("tells an approval from a free call", () => {
    const ask = manifest("ToolPermission", "stripe.refund", {
      required_permissions: [],
      operation_rules: [{ operation_class: "write", verdict: "approval_required" }],
    });
    const set = [
      write,
      manifest("AgentRole", "r", { permissions: ["tool:stripe.refund:invoke"] }),
      agent(["stripe.refund"], { roles: ["r"] }),
    ];
    expect(access(set, [...set, ask])).toMatchObject([
      { gained: ["stripe.refund (write, asks first)"], lost: ["stripe.refund (write)"] },
    ]);
  });

  it("stays as it is where a policy in audit mode objects", () => {
    const set = [read, agent(["orders.lookup"])];
    expect(access(set, [...set, block({ mode: "audit", blocked_tools: ["orders.lookup"] })])).toEqual([]);
  });

  it("counts a tool of a server as known, and as the worst that it may be", () => {
    const server = manifest("McpServer", "my_files", { transport: "stdio", command: "x" });
    expect(access([server, agent([])], [server, agent(["my-files--read-file"])])).toMatchObject([
      { gained: ["my-files--read-file (write)"] },
    ]);
  });

  it("is lost with the agent", () => {
    const set = [read, agent(["orders.lookup"])];
    expect(access(set, [read])).toMatchObject([{ agent: "refunds", lost: ["orders.lookup (read)"] }]);
  });
});
