// What roles and ToolPermissions let an agent do.
import { describe, expect, it } from "vitest";
import { decide } from "../../policies/decide.ts";
import { codeOf, globalPolicy, operations, permission, role, setOf, toolRequest } from "./requests.ts";

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
