// The gate's codes and its order, one behaviour a test.
import { describe, expect, it } from "vitest";
import { decide } from "../../policies/decide.ts";
import { taskCeilings } from "../../policies/rules/budgets.ts";
import {
  codeOf,
  codesOf,
  globalPolicy,
  modelRequest,
  permission,
  policy,
  SUBJECT,
  setOf,
  toolRequest,
} from "./requests.ts";

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
