// What bounds a call, in words, from the same compiled rules that decide it.
import { describe, expect, it } from "vitest";
import { boundsOf } from "../../policies/bounds.ts";
import { decideOpen, type OpenRequest } from "../../policies/decide.ts";
import { compilePolicies } from "../../policies/policy-set.ts";

const request: OpenRequest = {
  point: "before_tool",
  subject: { namespace: "default", system: "s", task: "t", agent: "a" },
  grants: { tools: ["pay"], allowedTools: [], roles: [] },
  tool: { name: "pay", known: true, capabilities: [], operationClasses: ["write"] },
  arguments: {},
  usage: { tokens: 0, calls: {} },
};

function policy(spec: object) {
  const source = { kind: "AgentPolicy", address: "AgentPolicy/default/p", namespace: "default", name: "p" } as const;
  return compilePolicies([{ ...source, spec: { apply_mode: "global", ...spec } }], "digest");
}

const texts = (spec: object) => boundsOf(request, policy(spec)).map(({ effect, text }) => `${effect}: ${text}`);

describe("bounds", () => {
  it.each([
    [{ must: { amount: { greater_than: 0, at_most: 9 } } }, "deny: `amount` must be greater than 0 and at most 9"],
    [
      { must: { amount: { at_most: 9 } }, additional: "deny" },
      "deny: `amount` must be at most 9, no arguments but `amount`",
    ],
    [{ match: { arguments: { to: "x" } } }, 'deny: never where `to` is "x"'],
    [{ effect: "ask", match: { arguments: { n: { at_least: 5 } } } }, "ask: asks first where `n` is at least 5"],
    [{ effect: "ask", must: { n: { at_most: 5 } } }, "ask: asks first unless `n` is at most 5"],
    [{ when: "args.n > 5" }, "deny: never where `args.n > 5`"],
    [{ match: { arguments: { to: "x" } }, must: { n: 1 } }, 'deny: where `to` is "x": `n` must be 1'],
  ])("tell the rule %j", (rule, text) => {
    const tools = { match: { tools: ["pay"], ...("match" in rule ? rule.match : {}) } };
    expect(texts({ rules: [{ ...rule, ...tools }] })).toEqual([text]);
  });

  it("name budgets, and leave out what is about other tools", () => {
    const spec = { max_tokens_per_run: 10, max_calls: { "p*": 1, other: 2 }, rules: [{ match: { tools: ["other"] } }] };
    expect(texts(spec)).toEqual(["budget: at most 10 tokens in one task", "budget: at most 1 call in one task"]);
  });

  it("are no denial: only what holds for every call is", () => {
    const bounded = policy({ rules: [{ match: { tools: ["pay"] }, must: { amount: 1 } }] });
    expect(decideOpen(request, bounded, "possible")).toMatchObject({ effect: "allow" });
    const blocked = policy({ rules: [{ match: { tools: ["pay"] } }] });
    expect(decideOpen(request, blocked, "possible")).toMatchObject({ effect: "deny", code: "TOOL_BLOCKED" });
  });

  it("allow what only a condition allows, as possible and not as certain", () => {
    const set = policy({
      default: "deny",
      rules: [{ effect: "allow", match: { tools: ["pay"], arguments: { n: 1 } } }],
    });
    expect(decideOpen(request, set, "possible").effect).toBe("allow");
    expect(decideOpen(request, set, "certain").effect).toBe("deny");
    expect(texts({ rules: [{ effect: "allow", match: { tools: ["pay"], arguments: { n: 1 } } }] })).toEqual([]);
  });
});
