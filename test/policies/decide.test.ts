// The gate's codes and its order, one behaviour a test.
import { describe, expect, it } from "vitest";
import { decide } from "../../policies/decide.ts";
import type { PolicySource } from "../../policies/policy-set.ts";
import type { GateRequest } from "../../policies/request.ts";
import { taskCeilings } from "../../policies/rules/budgets.ts";
import { globalPolicy, modelRequest, permission, policy, role, SUBJECT, setOf, toolRequest } from "./requests.ts";

function codeOf(request: GateRequest, ...sources: readonly PolicySource[]): string {
  return decide(request, setOf(...sources)).code;
}

function codesOf(request: GateRequest, ...sources: readonly PolicySource[]): (string | undefined)[] {
  return decide(request, setOf(...sources)).reasons.map((reason) => reason.code);
}

function operations(...operation_rules: readonly unknown[]): PolicySource {
  return permission("search", { operation_rules });
}

function ruled(spec: unknown): PolicySource {
  return globalPolicy({ rules: [spec] });
}

function blocking(name: string, on_violation?: string): PolicySource {
  return globalPolicy({ blocked_tools: ["search"], ...(on_violation === undefined ? {} : { on_violation }) }, name);
}

describe("without policies", () => {
  it("lets an agent call a tool that it lists, and says why", () => {
    expect(decide(toolRequest(), setOf())).toEqual({
      effect: "allow",
      code: "ALLOWED",
      enforced: true,
      reasons: [
        {
          policy: "Agent/default/writer",
          rule: "spec.tools",
          message: "the agent lists `search`, and nothing forbids it",
        },
      ],
    });
  });

  it("lets a model answer and a task begin", () => {
    expect(codeOf(modelRequest())).toBe("ALLOWED");
    expect(codeOf({ point: "task_admission", subject: SUBJECT })).toBe("ALLOWED");
  });

  it("denies a tool that the agent does not list, and one that nobody provides", () => {
    expect(codeOf(toolRequest({ grants: { tools: ["other"] } }))).toBe("TOOL_NOT_LISTED");
    expect(codeOf(toolRequest({ facts: { known: false } }))).toBe("TOOL_UNKNOWN");
  });

  it("gives a Secret only to what names it", () => {
    const use = { point: "secret_use", subject: SUBJECT, secret: "default/key" } as const;
    expect(codeOf({ ...use, grantedBy: null })).toBe("SECRET_NOT_GRANTED");
    expect(codeOf({ ...use, grantedBy: "Tool/default/search" })).toBe("ALLOWED");
  });
});

describe("scope", () => {
  const blocked = { blocked_tools: ["search"] };
  it.each([
    ["a global policy", { ...blocked, apply_mode: "global" }, "TOOL_BLOCKED"],
    ["a policy of the system", { ...blocked, target_systems: ["reports"] }, "TOOL_BLOCKED"],
    ["a policy of the task", { ...blocked, target_tasks: ["weekly"] }, "TOOL_BLOCKED"],
    ["a policy of the agent alone", { ...blocked, target_agents: ["writer"] }, "TOOL_BLOCKED"],
    ["a name in other letters", { ...blocked, target_systems: [" Reports "] }, "TOOL_BLOCKED"],
    ["a name with its namespace", { ...blocked, target_systems: ["default/reports"] }, "TOOL_BLOCKED"],
    ["one of several lists", { ...blocked, target_systems: ["other"], target_tasks: ["weekly"] }, "TOOL_BLOCKED"],
    ["another system", { ...blocked, target_systems: ["other"] }, "ALLOWED"],
    ["the system of another namespace", { ...blocked, target_systems: ["prod/reports"] }, "ALLOWED"],
    ["the system, for another agent", { ...blocked, target_systems: ["reports"], target_agents: ["x"] }, "ALLOWED"],
    ["everything, for another agent", { ...blocked, apply_mode: "global", target_agents: ["x"] }, "ALLOWED"],
    ["nothing at all", blocked, "ALLOWED"],
  ])("of %s", (_, spec, code) => {
    expect(codeOf(toolRequest(), policy("p", spec))).toBe(code);
  });

  it("lets a global policy hold in every namespace", () => {
    const elsewhere = policy("p", { apply_mode: "global", ...blocked }, "security");
    expect(codeOf(toolRequest(), elsewhere)).toBe("TOOL_BLOCKED");
  });
});

describe("blocked tools", () => {
  it.each([
    ["filesystem_delete", "filesystem-delete"],
    ["Filesystem.Delete", "filesystem_delete"],
    ["github-mcp--delete_repo", "github-mcp--delete-repo"],
    ["tools/delete", "delete"],
    ["github-mcp--*", "github-mcp--create_issue"],
    ["*delete*", "fs-delete-all"],
  ])("blocks by `%s` the tool `%s`", (entry, tool) => {
    expect(codeOf(toolRequest({ tool }), globalPolicy({ blocked_tools: [entry] }))).toBe("TOOL_BLOCKED");
  });

  it("comes before everything that is wrong with the agent, and is reported with it", () => {
    const request = toolRequest({ tool: "filesystem_delete", facts: { known: false }, grants: { tools: [] } });
    const guard = globalPolicy({ blocked_tools: ["filesystem_delete"] });
    expect(decide(request, setOf(guard)).code).toBe("TOOL_BLOCKED");
    expect(codesOf(request, guard)).toEqual(["TOOL_BLOCKED", "TOOL_NOT_LISTED", "TOOL_UNKNOWN"]);
  });

  it("names the entry", () => {
    const { reasons } = decide(toolRequest(), setOf(globalPolicy({ blocked_tools: ["a", "search"] })));
    expect(reasons[0]).toMatchObject({
      policy: "AgentPolicy/default/guard",
      rule: "spec.blocked_tools[1]",
      path: "tool",
    });
  });
});

describe("models", () => {
  it.each([
    [["gpt-4o"], "gpt-4o", "ALLOWED"],
    [["GPT-4o "], "gpt-4o", "ALLOWED"],
    [["gpt-4o*"], "gpt-4o-mini", "ALLOWED"],
    [["gpt-4o"], "gpt-4o-mini", "MODEL_NOT_ALLOWED"],
    [[], "gpt-4o", "ALLOWED"],
    ["gpt-4o", "claude", "MODEL_NOT_ALLOWED"],
  ])("with allowed_models %j, `%s` is %s", (allowed, model, code) => {
    expect(codeOf(modelRequest({ model }), globalPolicy({ allowed_models: allowed }))).toBe(code);
  });

  it("must be on the list of every policy", () => {
    const [a, b] = [
      globalPolicy({ allowed_models: ["gpt-4o", "x"] }, "a"),
      globalPolicy({ allowed_models: ["y"] }, "b"),
    ];
    expect(codeOf(modelRequest(), a, b)).toBe("MODEL_NOT_ALLOWED");
  });
});

describe("token budgets", () => {
  const guard = globalPolicy({ max_tokens_per_run: 5_000 });

  it("count what the call may cost before it is made", () => {
    expect(codeOf(modelRequest({ usage: { tokens: 4_000 }, reserveTokens: 1_000 }), guard)).toBe("ALLOWED");
    expect(codeOf(modelRequest({ usage: { tokens: 4_000 }, reserveTokens: 1_001 }), guard)).toBe("BUDGET_TOKENS");
    expect(codeOf(modelRequest({ reserveTokens: 5_001 }), guard)).toBe("BUDGET_TOKENS");
  });

  it("take the lowest ceiling that applies", () => {
    const sources = [guard, policy("p", { target_systems: ["reports"], max_tokens_per_run: "900" })];
    expect(taskCeilings(SUBJECT, [setOf(...sources)], null).tokens).toBe(900);
    expect(taskCeilings({ ...SUBJECT, system: "other" }, [setOf(...sources)], null).tokens).toBe(5_000);
    expect(taskCeilings(SUBJECT, [setOf()], null).tokens).toBeNull();
    expect(codeOf(modelRequest(), ...sources)).toBe("BUDGET_TOKENS");
  });

  it("are no ceiling for the store while they are in audit mode", () => {
    const audited = setOf(globalPolicy({ mode: "audit", max_tokens_per_run: 5 }));
    expect(taskCeilings(SUBJECT, [audited], null).tokens).toBeNull();
  });

  it("stop tools of a task that has spent more than it may", () => {
    expect(codeOf(toolRequest({ usage: { tokens: 5_001 } }), guard)).toBe("BUDGET_TOKENS");
  });

  it.each([[Number.NaN], [Number.POSITIVE_INFINITY], [-1]])("do not let %d tokens slip through", (reserveTokens) => {
    expect(codeOf(modelRequest({ reserveTokens }), guard)).toBe("POLICY_ERROR");
  });
});

describe("roles and permissions", () => {
  const roles = { roles: ["reader"] };
  it.each([
    ["a role that nobody declares", [], "ROLE_MISSING"],
    ["a role without the permission", [role("reader", ["tool:other:invoke"])], "PERMISSION_MISSING"],
    ["a role that names the tool", [role("reader", ["tool:search:invoke"])], "ALLOWED"],
    ["a permission in other letters", [role("Reader", [" Tool:Search:Invoke "])], "ALLOWED"],
    ["a role of another namespace", [role("reader", ["tool:search:invoke"], "prod")], "ROLE_MISSING"],
  ])("with %s", (_, sources, code) => {
    expect(codeOf(toolRequest({ grants: roles }), ...sources)).toBe(code);
  });

  it("need each capability of the tool too, unless a ToolPermission says otherwise", () => {
    const request = toolRequest({ grants: roles, facts: { capabilities: ["web.read"] } });
    expect(codeOf(request, role("reader", ["tool:search:invoke"]))).toBe("PERMISSION_MISSING");
    expect(codeOf(request, role("reader", ["tool:search:invoke", "capability:web.read"]))).toBe("ALLOWED");
    const rule = permission("search", { required_permissions: ["reading"] });
    expect(codeOf(request, role("reader", ["Reading"]), rule)).toBe("ALLOWED");
  });

  it("join the permissions of all roles, all or any of which are needed", () => {
    const request = toolRequest({ grants: { roles: ["a", "b"] } });
    const sources = [role("a", ["x"]), role("b", ["y"])];
    expect(codeOf(request, ...sources, permission("search", { required_permissions: ["x", "y"] }))).toBe("ALLOWED");
    const any = permission("search", { required_permissions: ["z", "y"], match_mode: "any" });
    expect(codeOf(request, ...sources, any)).toBe("ALLOWED");
    const all = permission("search", { required_permissions: ["z", "y"] });
    expect(codeOf(request, ...sources, all)).toBe("PERMISSION_MISSING");
  });

  it("must meet every ToolPermission that applies to tool and agent", () => {
    const sources = [
      role("reader", ["x"]),
      permission("one", { tool_ref: "search", required_permissions: ["x"] }),
      permission("two", {
        tool_ref: "Search",
        required_permissions: ["y"],
        apply_mode: "scoped",
        target_agents: ["writer"],
      }),
    ];
    expect(codeOf(toolRequest({ grants: roles }), ...sources)).toBe("PERMISSION_MISSING");
    expect(codeOf(toolRequest({ grants: roles, subject: { agent: "editor" } }), ...sources)).toBe("ALLOWED");
  });

  it("are needed as soon as the namespace has ToolPermissions", () => {
    const other = permission("other", { required_permissions: ["x"] });
    expect(codeOf(toolRequest(), other)).toBe("DEFAULT_DENY");
    expect(codeOf(toolRequest(), permission("search", { required_permissions: ["x"] }))).toBe("PERMISSION_MISSING");
    expect(codeOf(toolRequest(), permission("search", {}, "prod"))).toBe("ALLOWED");
  });

  it("are replaced by allowed_tools, which replace nothing else", () => {
    const grants = { roles: ["gone"], allowedTools: ["SEARCH"] };
    const rule = permission("search", { required_permissions: ["x"] });
    expect(codeOf(toolRequest({ grants }), rule)).toBe("ALLOWED");
    expect(codeOf(toolRequest({ grants: { ...grants, tools: [] } }), rule)).toBe("TOOL_NOT_LISTED");
    expect(codeOf(toolRequest({ grants }), rule, globalPolicy({ blocked_tools: ["search"] }))).toBe("TOOL_BLOCKED");
    expect(codeOf(toolRequest({ grants }), globalPolicy({ default: "deny" }))).toBe("DEFAULT_DENY");
    const strict = permission("search", { operation_rules: [{ operation_class: "read", verdict: "deny" }] });
    expect(codeOf(toolRequest({ grants }), strict)).toBe("OPERATION_DENIED");
  });
});

describe("operation rules", () => {
  const grants = { allowedTools: ["search"] };
  it.each([
    [
      "deny over approval over allow",
      [{ verdict: "allow" }, { verdict: "approval_required" }, { verdict: "deny" }],
      "OPERATION_DENIED",
    ],
    [
      "approval over allow",
      [
        { operation_class: "*", verdict: "allow" },
        { operation_class: "write", verdict: "approval_required" },
      ],
      "APPROVAL_REQUIRED",
    ],
    ["the class of another tool", [{ operation_class: "delete", verdict: "deny" }], "ALLOWED"],
    ["a missing class means all", [{ verdict: "deny" }], "OPERATION_DENIED"],
    ["a missing verdict means allow", [{ operation_class: "write" }], "ALLOWED"],
    ["a verdict that nobody knows", [{ verdict: "maybe" }], "POLICY_ERROR"],
    ["a class that nobody knows", [{ operation_class: "purge", verdict: "allow" }], "POLICY_ERROR"],
  ])("take %s", (_, list, code) => {
    const request = toolRequest({ grants, facts: { operationClasses: ["read", "write"] } });
    expect(codeOf(request, operations(...list))).toBe(code);
  });

  it("hold for a tool that names no class", () => {
    const request = toolRequest({ grants, facts: { operationClasses: [] } });
    expect(codeOf(request, operations({ operation_class: "admin", verdict: "deny" }))).toBe("OPERATION_DENIED");
  });

  it("ask where an approval is required", () => {
    const verdict = decide(toolRequest({ grants }), setOf(operations({ verdict: "approval_required" })));
    expect(verdict).toMatchObject({ effect: "ask", code: "APPROVAL_REQUIRED", enforced: true });
  });
});

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

it("reports every rule that denies, in the documented order", () => {
  const request = toolRequest({
    facts: { known: false },
    grants: { tools: [], roles: ["gone"] },
    usage: { tokens: 9 },
  });
  const sources = [
    globalPolicy({ blocked_tools: ["search"], max_tokens_per_run: 5, default: "deny" }, "a"),
    globalPolicy({ blocked_tools: ["search"], flow: {} }, "b"),
    permission("search", { operation_rules: [{ verdict: "deny" }] }),
  ];
  expect(codesOf(request, ...sources)).toEqual([
    "POLICY_ERROR",
    "TOOL_BLOCKED",
    "TOOL_BLOCKED",
    "BUDGET_TOKENS",
    "TOOL_NOT_LISTED",
    "TOOL_UNKNOWN",
    "ROLE_MISSING",
    "OPERATION_DENIED",
    "DEFAULT_DENY",
  ]);
});
