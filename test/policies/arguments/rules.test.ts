import { describe, expect, it } from "vitest";
import { decide, pathsToResolve } from "../../../policies/decide.ts";
import { globalPolicy, setOf, type ToolWish, toolRequest } from "../requests.ts";

function verdictOf(rule: unknown, wish: ToolWish, policy: Readonly<Record<string, unknown>> = {}) {
  return decide(toolRequest(wish), setOf(globalPolicy({ rules: [rule], ...policy })));
}

describe("`must`", () => {
  const REFUND = { match: { tools: ["refund"] }, must: { amount: { at_most: 100 }, currency: ["EUR", "USD"] } };

  it.each([
    [{ amount: 50, currency: "EUR" }, "ALLOWED"],
    [{ amount: 500, currency: "EUR" }, "TOOL_ARG_FORBIDDEN"],
    [{ amount: 50, currency: "GBP" }, "TOOL_ARG_FORBIDDEN"],
    [{ amount: 50 }, "TOOL_ARG_FORBIDDEN"],
    [{ amount: "50", currency: "EUR" }, "TOOL_ARG_FORBIDDEN"],
    [{}, "TOOL_ARG_FORBIDDEN"],
  ])("for %j: %s", (args, code) => {
    expect(verdictOf(REFUND, { tool: "refund", args }).code).toBe(code);
  });

  it("is about the tools of its rule only", () => {
    expect(verdictOf(REFUND, { tool: "search", args: { amount: 500 } }).code).toBe("ALLOWED");
  });

  it("names the argument and the bound, and never the value", () => {
    const verdict = verdictOf(
      { ...REFUND, message: "refunds are small" },
      { tool: "refund", args: { amount: 987, currency: "EUR" } },
    );
    expect(verdict.reasons).toEqual([
      {
        policy: "AgentPolicy/default/guard",
        rule: "spec.rules[0]",
        message: "refunds are small: `amount` must be at most 100",
        path: "arguments.amount",
        code: "TOOL_ARG_FORBIDDEN",
      },
    ]);
  });

  it("asks a person where its effect is `ask`, and denies what it cannot judge", () => {
    const rule = { ...REFUND, effect: "ask" };
    expect(verdictOf(rule, { tool: "refund", args: { amount: 500, currency: "EUR" } }).code).toBe("APPROVAL_REQUIRED");
    expect(verdictOf(rule, { tool: "refund", args: { amount: "many", currency: "EUR" } }).code).toBe(
      "TOOL_ARG_FORBIDDEN",
    );
  });

  it("is recorded and passed in audit mode", () => {
    const verdict = verdictOf(REFUND, { tool: "refund", args: {} }, { mode: "audit" });
    expect(verdict).toMatchObject({ effect: "deny", code: "TOOL_ARG_FORBIDDEN", enforced: false });
  });

  it("belongs to no rule that allows", () => {
    expect(verdictOf({ ...REFUND, effect: "allow" }, { tool: "refund" }).code).toBe("POLICY_ERROR");
  });

  it("lets an optional argument be missing", () => {
    const rule = { match: { tools: ["refund"] }, must: { amount: { at_most: 100, optional: true } } };
    expect(verdictOf(rule, { tool: "refund", args: {} }).code).toBe("ALLOWED");
    expect(verdictOf(rule, { tool: "refund", args: { amount: 101 } }).code).toBe("TOOL_ARG_FORBIDDEN");
  });
});

describe("`additional: deny`", () => {
  const RULE = { match: { tools: ["refund"] }, must: { "order.id": { matches: "A-[0-9]+" } }, additional: "deny" };

  it("denies arguments that the rule does not name", () => {
    expect(verdictOf(RULE, { tool: "refund", args: { order: { id: "A-1" } } }).code).toBe("ALLOWED");
    const verdict = verdictOf(RULE, { tool: "refund", args: { order: { id: "A-1" }, force: true } });
    expect(verdict.reasons[0]?.message).toContain("arguments that no rule names");
  });

  it("without conditions denies any argument", () => {
    const rule = { match: { tools: ["refund"] }, additional: "deny" };
    expect(verdictOf(rule, { tool: "refund", args: {} }).code).toBe("ALLOWED");
    expect(verdictOf(rule, { tool: "refund", args: { a: 1 } }).code).toBe("TOOL_ARG_FORBIDDEN");
  });
});

describe("`match.arguments`", () => {
  const DENY = {
    match: { tools: ["fetch"], arguments: { url: { url_host: { addresses: ["private", "loopback"] } } } },
  };

  it("selects the calls that the rule is about; a missing or strange argument is denied", () => {
    expect(verdictOf(DENY, { tool: "fetch", args: { url: "https://example.com/" } }).code).toBe("ALLOWED");
    expect(verdictOf(DENY, { tool: "fetch", args: { url: "http://10.0.0.1/" } }).code).toBe("TOOL_ARG_FORBIDDEN");
    expect(verdictOf(DENY, { tool: "fetch", args: { url: "http://a@10.0.0.1/" } }).code).toBe("TOOL_ARG_FORBIDDEN");
    expect(verdictOf(DENY, { tool: "fetch", args: {} }).code).toBe("TOOL_ARG_FORBIDDEN");
  });

  it("of a rule that allows allows nothing that it cannot judge", () => {
    const rule = { match: { tools: ["read"], arguments: { path: { path_within: "/srv" } } }, effect: "allow" };
    const strict = { default: "deny" };
    expect(verdictOf(rule, { tool: "read", args: { path: "/srv/a" } }, strict).code).toBe("ALLOWED");
    expect(verdictOf(rule, { tool: "read", args: { path: "/srv/../etc" } }, strict).code).toBe("DEFAULT_DENY");
    expect(verdictOf(rule, { tool: "read", args: {} }, strict).code).toBe("DEFAULT_DENY");
  });

  it("does not match where an optional argument is missing", () => {
    const rule = { match: { tools: ["pay"], arguments: { amount: { greater_than: 100, optional: true } } } };
    expect(verdictOf(rule, { tool: "pay", args: {} }).code).toBe("ALLOWED");
  });

  it("takes own properties only", () => {
    const rule = { match: { tools: ["pay"], arguments: { "constructor.name": "Object" } }, effect: "allow" };
    expect(verdictOf(rule, { tool: "pay", args: {} }, { default: "deny" }).code).toBe("DEFAULT_DENY");
  });

  it("compares with the task's input", () => {
    const rule = { match: { tools: ["pay"] }, must: { order: { equals_input: "order" } } };
    expect(verdictOf(rule, { tool: "pay", args: { order: "A-1" }, input: { order: "A-1" } }).code).toBe("ALLOWED");
    expect(verdictOf(rule, { tool: "pay", args: { order: "A-2" }, input: { order: "A-1" } }).code).toBe(
      "TOOL_ARG_FORBIDDEN",
    );
    expect(verdictOf(rule, { tool: "pay", args: { order: "A-1" } }).code).toBe("TOOL_ARG_FORBIDDEN");
  });
});

describe("real paths", () => {
  const RULE = { match: { tools: ["read"] }, must: { path: { path_within: "/srv" } } };
  const SET = setOf(globalPolicy({ rules: [RULE] }));

  it("are asked for where a rule in scope needs them", () => {
    expect(pathsToResolve(toolRequest({ tool: "read", args: { path: "/srv/a/../b" } }), SET).toSorted()).toEqual([
      "/srv",
      "/srv/b",
    ]);
    expect(pathsToResolve(toolRequest({ tool: "other", args: { path: "/srv/b" } }), SET)).toEqual([]);
  });

  it("decide: a link out is denied, and so is a path that nobody could follow", () => {
    const call = (realPaths: Readonly<Record<string, string | null>>) =>
      decide(toolRequest({ tool: "read", args: { path: "/srv/b" }, realPaths }), SET).code;
    expect(call({ "/srv": "/srv", "/srv/b": "/srv/b" })).toBe("ALLOWED");
    expect(call({ "/srv": "/srv", "/srv/b": "/etc/passwd" })).toBe("TOOL_ARG_FORBIDDEN");
    expect(call({ "/srv": "/srv", "/srv/b": null })).toBe("TOOL_ARG_FORBIDDEN");
    expect(call({})).toBe("TOOL_ARG_FORBIDDEN");
  });
});

describe("`when`", () => {
  const RULE = { match: { tools: ["pay"] }, when: "args.amount > 100 && agent == 'writer'" };

  it("narrows the rule; what it cannot evaluate is denied", () => {
    expect(verdictOf(RULE, { tool: "pay", args: { amount: 5 } }).code).toBe("ALLOWED");
    expect(verdictOf(RULE, { tool: "pay", args: { amount: 500 } }).code).toBe("TOOL_ARG_FORBIDDEN");
    expect(verdictOf(RULE, { tool: "pay", args: { amount: "500" } }).code).toBe("TOOL_ARG_FORBIDDEN");
    expect(verdictOf(RULE, { tool: "pay", args: {} }).code).toBe("TOOL_ARG_FORBIDDEN");
  });

  it("knows a missing field where it asks for it", () => {
    const rule = { match: { tools: ["pay"] }, when: "has(args.amount) && args.amount > 100" };
    expect(verdictOf(rule, { tool: "pay", args: {} }).code).toBe("ALLOWED");
  });

  it("that allows allows nothing that it cannot evaluate", () => {
    const rule = { match: { tools: ["pay"] }, when: "args.amount < 100", effect: "allow" };
    expect(verdictOf(rule, { tool: "pay", args: {} }, { default: "deny" }).code).toBe("DEFAULT_DENY");
    expect(verdictOf(rule, { tool: "pay", args: { amount: 5 } }, { default: "deny" }).code).toBe("ALLOWED");
  });
});
