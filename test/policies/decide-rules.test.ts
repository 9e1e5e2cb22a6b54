// Rules, what holds where none speaks, what a violation does, and what cannot be read.
import { describe, expect, it } from "vitest";
import { decide } from "../../policies/decide.ts";
import type { GateRequest } from "../../policies/request.ts";
import {
  blocking,
  codeOf,
  globalPolicy,
  modelRequest,
  permission,
  policy,
  role,
  ruled,
  SUBJECT,
  setOf,
  toolRequest,
} from "./requests.ts";

describe("rules", () => {
  it.each([
    ["deny by tool", { match: { tools: ["SEARCH"] }, effect: "deny" }, "TOOL_BLOCKED"],
    ["deny by default", { match: { tools: ["search"] } }, "TOOL_BLOCKED"],
    ["deny by agent", { match: { agents: ["writer"] }, effect: "deny" }, "TOOL_BLOCKED"],
    ["deny by class", { match: { operation_classes: ["read"] }, effect: "deny" }, "TOOL_BLOCKED"],
    ["ask", { match: { tools: ["search"] }, effect: "ask" }, "APPROVAL_REQUIRED"],
    ["pass another tool", { match: { tools: ["other"] }, effect: "deny" }, "ALLOWED"],
    ["pass another class", { match: { tools: ["search"], operation_classes: ["write"] }, effect: "deny" }, "ALLOWED"],
    ["pass tools where they are about models", { match: { models: ["*"] }, effect: "deny" }, "ALLOWED"],
    ["refuse an unknown key", { match: { tool: ["search"] }, effect: "deny" }, "POLICY_ERROR"],
    ["refuse an empty list", { match: { tools: [] }, effect: "allow" }, "POLICY_ERROR"],
    ["refuse an unknown effect", { match: { tools: ["search"] }, effect: "permit" }, "POLICY_ERROR"],
    ["refuse what is no rule", "search", "POLICY_ERROR"],
  ])("%s", (_, spec, code) => {
    expect(codeOf(toolRequest(), ruled(spec))).toBe(code);
  });

  it("deny models", () => {
    const spec = { match: { models: ["gpt-*"] }, effect: "deny", message: "not this quarter" };
    expect(decide(modelRequest(), setOf(ruled(spec)))).toMatchObject({
      code: "MODEL_NOT_ALLOWED",
      reasons: [{ rule: "spec.rules[0]", message: "not this quarter" }],
    });
  });

  it("that cannot be read deny everything in the policy's scope", () => {
    const spec = { match: { tools: ["search"] }, when: "args.size >", effect: "deny" };
    expect(codeOf(toolRequest({ tool: "other" }), ruled(spec))).toBe("POLICY_ERROR");
    expect(codeOf(modelRequest(), ruled(spec))).toBe("POLICY_ERROR");
  });

  it("about arguments alone are about every tool and no model", () => {
    const spec = { match: { arguments: { path: "/" } } };
    expect(codeOf(toolRequest(), ruled(spec))).toBe("TOOL_ARG_FORBIDDEN");
    expect(codeOf(modelRequest(), ruled(spec))).toBe("ALLOWED");
  });
});

describe("default: deny", () => {
  const strict = globalPolicy({ default: "deny" }, "strict");
  it("denies what nothing allows", () => {
    expect(codeOf(toolRequest(), strict)).toBe("DEFAULT_DENY");
    expect(codeOf(modelRequest(), strict)).toBe("DEFAULT_DENY");
  });

  it("is met by roles, by rules and by a list of models", () => {
    expect(codeOf(toolRequest({ grants: { roles: ["r"] } }), strict, role("r", ["tool:search:invoke"]))).toBe(
      "ALLOWED",
    );
    const allow = { match: { tools: ["search"] }, effect: "allow" };
    expect(codeOf(toolRequest(), strict, globalPolicy({ rules: [allow] }))).toBe("ALLOWED");
    expect(codeOf(modelRequest(), strict, globalPolicy({ allowed_models: ["gpt-4o"] }))).toBe("ALLOWED");
  });

  it("is not met by what a policy in audit mode allows", () => {
    const allow = { match: { tools: ["search"] }, effect: "allow" };
    expect(codeOf(toolRequest(), strict, globalPolicy({ mode: "audit", rules: [allow] }))).toBe("DEFAULT_DENY");
  });
});

describe("audit mode", () => {
  const audit = globalPolicy({ mode: "audit", blocked_tools: ["search"] }, "audit");

  it("says what it would deny, and does not enforce it", () => {
    const verdict = decide(toolRequest(), setOf(audit));
    expect(verdict).toMatchObject({ effect: "deny", code: "TOOL_BLOCKED", enforced: false });
    expect(verdict.reasons).toMatchObject([{ enforced: false }]);
  });

  it("does not soften what another policy enforces", () => {
    const verdict = decide(toolRequest({ grants: { tools: [] } }), setOf(audit));
    expect(verdict).toMatchObject({ effect: "deny", code: "TOOL_NOT_LISTED", enforced: true });
    expect(verdict.reasons.map((reason) => reason.code)).toEqual(["TOOL_BLOCKED", "TOOL_NOT_LISTED"]);
  });
});

describe("on_violation", () => {
  it.each([
    ["stops where nothing is said", [blocking("a")], "stop"],
    ["refuses where the policy says so", [blocking("a", "refuse")], "refuse"],
    ["stops where one of two policies does", [blocking("a", "refuse"), blocking("b")], "stop"],
  ])("%s", (_, sources, onViolation) => {
    expect(decide(toolRequest(), setOf(...sources))).toMatchObject({ onViolation });
  });

  it("of a policy in scope holds for denials that come from the agent's own manifest", () => {
    const unlisted = toolRequest({ grants: { tools: [] } });
    expect(decide(unlisted, setOf())).toMatchObject({ onViolation: "stop" });
    expect(decide(unlisted, setOf(globalPolicy({ on_violation: "refuse" })))).toMatchObject({ onViolation: "refuse" });
  });

  it("lets the model do without a listed tool that is gone", () => {
    const gone = toolRequest({ facts: { known: false } });
    expect(decide(gone, setOf())).toMatchObject({ code: "TOOL_UNKNOWN", onViolation: "refuse" });
    expect(decide(gone, setOf(blocking("a")))).toMatchObject({ code: "TOOL_BLOCKED", onViolation: "stop" });
  });

  it("never softens a policy that cannot be read", () => {
    const broken = globalPolicy({ on_violation: "refuse", rate: "5/m" });
    expect(decide(toolRequest(), setOf(broken))).toMatchObject({ code: "POLICY_ERROR", onViolation: "stop" });
  });
});

describe("what cannot be read or evaluated", () => {
  it.each([
    ["no map", "text"],
    ["a list of maps where names belong", { apply_mode: "global", blocked_tools: [{ name: "x" }] }],
    ["an unknown mode", { apply_mode: "everywhere" }],
    ["a budget that is no number", { apply_mode: "global", max_tokens_per_run: "many" }],
    ["a budget below zero", { apply_mode: "global", max_tokens_per_run: -1 }],
    ["a target that is no name", { target_systems: [["reports"]] }],
    ["a cost ceiling that is no number", { apply_mode: "global", max_cost_usd_per_run: "cheap" }],
    ["a rate without a length of time", { apply_mode: "global", rate: { calls: 5, per: "minute" } }],
    ["a rate of nothing", { apply_mode: "global", rate: { per: "1m" } }],
    ["a rate of calls and tokens", { apply_mode: "global", rate: { per: "1m", calls: 1, tokens: 1 } }],
    ["a budget that is misspelt", { apply_mode: "global", budgets: [{ per: ["day"], token: 5 }] }],
    ["a budget of nothing", { apply_mode: "global", budgets: [{ per: ["day"] }] }],
    ["a budget of nobody known", { apply_mode: "global", budgets: [{ per: ["week"], tokens: 5 }] }],
    ["a task's budget for each day", { apply_mode: "global", budgets: [{ per: ["task", "day"], tokens: 5 }] }],
    ["the time of a day", { apply_mode: "global", budgets: [{ per: ["day"], wall: "1h" }] }],
    ["an egress that says nothing", { apply_mode: "global", egress: {} }],
    ["a flow that is no list", { apply_mode: "global", flow: {} }],
  ])("denies every point for %s", (_, spec) => {
    const requests: GateRequest[] = [modelRequest(), toolRequest(), { point: "task_admission", subject: SUBJECT }];
    for (const request of requests) expect(codeOf(request, policy("p", spec))).toBe("POLICY_ERROR");
  });

  it("denies only in the scope of the policy, where that can be read", () => {
    const spec = { target_systems: ["other"], rate: "5/m" };
    expect(codeOf(toolRequest(), policy("p", spec))).toBe("ALLOWED");
  });

  it("denies the holders of a role, and the callers of a tool, and no others", () => {
    const broken = role("r", { not: "a list" });
    expect(codeOf(toolRequest({ grants: { roles: ["r"] } }), broken)).toBe("POLICY_ERROR");
    expect(codeOf(toolRequest(), broken)).toBe("ALLOWED");
    const rule = permission("search", { match_mode: "most" });
    expect(codeOf(toolRequest({ grants: { allowedTools: ["search"] } }), rule)).toBe("POLICY_ERROR");
    const other = toolRequest({ tool: "other", grants: { allowedTools: ["other"] } });
    expect(codeOf(other, rule)).toBe("ALLOWED");
    expect(codeOf(other, permission("search", { tool_ref: {} }))).toBe("POLICY_ERROR");
  });

  it("denies calls that nobody counts, and counts those that somebody does", () => {
    const guard = globalPolicy({ max_calls: { Search: 2 } });
    expect(codeOf(toolRequest(), guard)).toBe("POLICY_ERROR");
    expect(codeOf(toolRequest({ usage: { tokens: 0, calls: { search: 1 } } }), guard)).toBe("ALLOWED");
    expect(codeOf(toolRequest({ usage: { tokens: 0, calls: { search: 2 } } }), guard)).toBe("BUDGET_STEPS");
    expect(codeOf(toolRequest({ tool: "other" }), guard)).toBe("ALLOWED");
  });
});
