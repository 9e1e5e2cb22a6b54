// The plan as a value: what is created, updated, pruned, left alone; what is hidden; what an invalid set may not do.
import { describe, expect, it } from "vitest";
import { planDigest, SENSITIVE } from "../../../contracts/plan.ts";
import type { Problem } from "../../../contracts/problem.ts";
import { manifest, NOTHING, NOW, observed, plan, problem, source } from "./builders.ts";

const graph = (to: string) => ({ agents: ["a", "b"], graph: { a: { edges: [{ to: "b" }, { to }] } } });
const secret = (value: string) => manifest("Secret", "s", { string_data: { key: value } });
const warning = (code: Problem["code"], file: string) => problem({ severity: "warning", code, file });
const server = (env: readonly object[]) => manifest("McpServer", "m", { env });

describe("makePlan", () => {
  it("creates what the state does not hold", () => {
    const made = plan({ source: source([manifest("ModelEndpoint", "m", { default_model: "x" })]) });
    expect(made.counts).toEqual({ create: 1, update: 0, move: 0, prune: 0, noop: 0, blocked: 0, invalid: 0 });
    expect(made.changes[0]).toMatchObject({
      address: "ModelEndpoint/default/m",
      action: "create",
      source: { file: "m.yaml", line: 1, column: 1 },
      fields: [],
    });
    expect(made.state).toEqual({
      env: "production",
      lineage: "",
      serial: 0,
      touched: [{ address: "ModelEndpoint/default/m", digest: null }],
    });
  });

  it("shows every field that differs, each with its own line", () => {
    const before = manifest("Agent", "a", { model_ref: "m", tools: ["x"], limits: { timeout: "5s" }, prompt: "one" });
    const after = manifest("Agent", "a", {
      model_ref: "n",
      tools: ["x", "y"],
      limits: { max_steps: 4 },
      prompt: "one",
    });
    const [change] = plan({ source: source([after]), observed: observed([before]) }).changes;
    expect(change?.action).toBe("update");
    expect(change?.fields).toEqual([
      { path: "/spec/limits/max_steps", after: 4, source: { file: "a.yaml", line: 8, column: 3 } },
      { path: "/spec/limits/timeout", before: "5s", source: { file: "a.yaml", line: 8, column: 3 } },
      { path: "/spec/model_ref", before: "m", after: "n", source: { file: "a.yaml", line: 6, column: 3 } },
      { path: "/spec/tools", before: ["x"], after: ["x", "y"], source: { file: "a.yaml", line: 6, column: 3 } },
    ]);
  });

  it("walks lists of objects item by item where their length stays", () => {
    const made = plan({
      source: source([manifest("AgentSystem", "s", graph("c"))]),
      observed: observed([manifest("AgentSystem", "s", graph("d"))]),
    });
    expect(made.changes[0]?.fields.map(({ path }) => path)).toEqual(["/spec/graph/a/edges/1/to"]);
  });

  it("compares keys that objects inherit as any other key", () => {
    const made = plan({
      source: source([manifest("Task", "t", { input: JSON.parse('{"constructor":"1"}') })]),
      observed: observed([manifest("Task", "t", { input: {} })]),
    });
    expect(made.changes[0]?.fields).toMatchObject([{ path: "/spec/input/constructor", after: "1" }]);
  });

  it("shows labels as fields", () => {
    const made = plan({
      source: source([manifest("Agent", "a", {}, { labels: { "team/x": "pay" } })]),
      observed: observed([manifest("Agent", "a")]),
    });
    expect(made.changes[0]?.fields).toMatchObject([{ path: "/metadata/labels/team~1x", after: "pay" }]);
  });

  it("prunes what no manifest declares, and says where it stood", () => {
    const gone = manifest("AgentRole", "legacy", {}, { file: "old/role.yaml" });
    const made = plan({ source: source([]), observed: observed([gone]) });
    expect(made.changes).toMatchObject([{ action: "prune", source: { file: "old/role.yaml" } }]);
    expect(made.state.touched).toEqual([{ address: gone.address, digest: gone.digest }]);
  });

  it("blocks a prune where the file is there and was skipped, or a link stands for its folder", () => {
    const before = [
      manifest("Agent", "cut", {}, { file: "agents/cut.yaml" }),
      manifest("Agent", "far", {}, { file: "agents/shared/far.yaml" }),
      manifest("Agent", "gone", {}, { file: "agents/gone.yaml" }),
      manifest("Agent", "mixed", {}, { file: "agents/mixed.yaml" }),
    ];
    const kept = manifest("Agent", "kept", {}, { file: "agents/mixed.yaml" });
    const problems = [
      warning("NOT_A_MANIFEST", "agents/cut.yaml"),
      warning("UNSUPPORTED_FILE", "agents/shared"),
      warning("NOT_A_MANIFEST", "agents/mixed.yaml"),
    ];
    const made = plan({ source: source([kept], problems), observed: observed([...before, kept]) });
    expect(made.changes.map(({ name, blocked }) => [name, blocked?.code])).toEqual([
      ["cut", "FILE_SKIPPED"],
      ["far", "FILE_SKIPPED"],
      ["gone", undefined],
      // A document in it has lost its kind: that may be the one.
      ["mixed", "FILE_SKIPPED"],
    ]);
    expect(made.counts).toMatchObject({ prune: 1, blocked: 3 });
  });

  it("has nothing to do where all digests agree, wherever the manifests stand now", () => {
    const same = observed([manifest("Agent", "a", { model_ref: "m" }, { file: "old.yaml" })]);
    const made = plan({
      source: source([manifest("Agent", "a", { model_ref: "m" }, { file: "new.yaml" })]),
      observed: same,
    });
    expect(made.changes).toEqual([]);
    expect(made.counts.noop).toBe(1);
    expect(made.applyable).toBe(true);
  });

  it("never shows a secret, and still tells that it changed", () => {
    const made = plan({ source: source([secret("hunter2-new")]), observed: observed([secret("hunter2-old")]) });
    expect(JSON.stringify(made)).not.toContain("hunter2");
    expect(made.changes[0]).toMatchObject({
      action: "update",
      sensitivePaths: ["/spec/string_data/key"],
      fields: [{ path: "/spec/string_data/key", before: SENSITIVE, after: SENSITIVE }],
    });
  });

  it("hides a secret that stands inside a list", () => {
    const made = plan({
      source: source([
        server([
          { name: "API_KEY", value: "hunter2" },
          { name: "MODE", value: "fast" },
        ]),
      ]),
      observed: observed([server([])]),
    });
    expect(JSON.stringify(made)).not.toContain("hunter2");
    expect(JSON.stringify(made)).toContain("fast");
  });

  it("plans the good manifests of an invalid set, prunes nothing and cannot be applied", () => {
    const made = plan({
      source: source([manifest("Agent", "new")], [problem({ file: "broken.yaml" }), problem({ severity: "warning" })]),
      observed: observed([manifest("Agent", "in-the-broken-file")]),
    });
    expect(made.changes.map(({ action, name }) => [action, name])).toEqual([["create", "new"]]);
    expect(made.applyable).toBe(false);
    expect(made.counts.invalid).toBe(1);
    expect(made.problems.map(({ file }) => file)).toEqual(["a.yaml", "broken.yaml"]);
  });

  it("stays applyable with warnings", () => {
    expect(plan({ source: source([manifest("Agent", "a")], [problem({ severity: "warning" })]) }).applyable).toBe(true);
  });

  it("has a digest that ignores its id and its times, and nothing else", () => {
    const input = { source: source([manifest("Agent", "a")]), observed: NOTHING };
    const first = plan(input);
    expect(plan({ ...input, planId: "other", now: new Date("2027-01-01T00:00:00Z") }).digest).toBe(first.digest);
    expect(plan({ ...input, env: "staging" }).digest).not.toBe(first.digest);
    expect(planDigest(first)).toBe(first.digest);
    expect(first.expiresAt).toBe(new Date(NOW.getTime() + 86_400_000).toISOString());
  });

  it("binds the policy that will hold", () => {
    const agent = manifest("Agent", "a");
    const without = plan({ source: source([agent]) });
    const policy = manifest("AgentPolicy", "p", { blocked_tools: ["x"] });
    expect(plan({ source: source([agent, policy]) }).policyDigest).not.toBe(without.policyDigest);
    expect(plan({ source: source([agent, manifest("Agent", "b")]) }).policyDigest).toBe(without.policyDigest);
  });
});
