// Limits as policies state them: what each denies, for whom it counts, and what the store has to reserve.

import { describe, expect, it } from "vitest";
import { decide } from "../../policies/decide.ts";
import { NOTHING_SPENT, type Usage } from "../../policies/request.ts";
import { sharedClaims, taskCeilings } from "../../policies/rules/budgets.ts";
import * as fc from "../property.ts";
import { globalPolicy, modelRequest, SUBJECT, setOf, toolRequest } from "./requests.ts";

const spent = (usage: Partial<Usage>): Usage => ({ ...NOTHING_SPENT, ...usage });

function codeOf(request: Parameters<typeof decide>[0], spec: Readonly<Record<string, unknown>>): string {
  return decide(request, setOf(globalPolicy(spec))).code;
}

describe("a limit on money", () => {
  const spec = { max_cost_usd_per_run: 0.5 };

  it("denies what the call may cost beyond it, in its own code", () => {
    const usage = spent({ microUsd: 300_000 });
    expect(codeOf(modelRequest({ usage, reserveMicroUsd: 200_000 }), spec)).toBe("ALLOWED");
    expect(codeOf(modelRequest({ usage, reserveMicroUsd: 200_001 }), spec)).toBe("BUDGET_COST");
    expect(codeOf(toolRequest({ usage: spent({ microUsd: 500_001 }) }), spec)).toBe("BUDGET_COST");
  });

  it("denies a model whose price is unknown, and says how to set it", () => {
    const verdict = decide(modelRequest({ usage: NOTHING_SPENT, reserveMicroUsd: null }), setOf(globalPolicy(spec)));
    expect(verdict).toMatchObject({ effect: "deny", code: "BUDGET_COST" });
    expect(verdict.reasons[0]?.message).toMatch(/price of the model is unknown.*set `price` on its ModelEndpoint/);
    expect(codeOf(modelRequest({ usage: NOTHING_SPENT }), spec)).toBe("BUDGET_COST");
  });

  it("denies after a call whose price was unknown, and where nobody counts", () => {
    expect(codeOf(modelRequest({ usage: spent({ microUsd: null }), reserveMicroUsd: 1 }), spec)).toBe("BUDGET_COST");
    expect(codeOf(modelRequest({ usage: { tokens: 0 }, reserveMicroUsd: 1 }), spec)).toBe("POLICY_ERROR");
  });
});

describe("a model that has answered", () => {
  it("is denied once more was spent than is allowed, and not where it was spent exactly", () => {
    const answered = (usage: Partial<Usage>) =>
      ({ point: "after_model", subject: SUBJECT, model: "gpt-4o", usage: spent(usage) }) as const;
    expect(codeOf(answered({ tokens: 500 }), { max_tokens_per_run: 500 })).toBe("ALLOWED");
    expect(codeOf(answered({ tokens: 501 }), { max_tokens_per_run: 500 })).toBe("BUDGET_TOKENS");
    expect(codeOf(answered({ microUsd: 500_001 }), { max_cost_usd_per_run: 0.5 })).toBe("BUDGET_COST");
  });
});

describe("a budget of a task", () => {
  it("bounds its steps, of models and tools", () => {
    const spec = { budgets: [{ steps: 3 }] };
    expect(codeOf(modelRequest({ usage: spent({ steps: 2 }) }), spec)).toBe("ALLOWED");
    expect(codeOf(modelRequest({ usage: spent({ steps: 3 }) }), spec)).toBe("BUDGET_STEPS");
    expect(codeOf(toolRequest({ usage: spent({ steps: 3 }) }), spec)).toBe("BUDGET_STEPS");
  });

  it("bounds its time, and that of each agent", () => {
    const task = { budgets: [{ per: ["task"], wall: "1m30s" }] };
    expect(codeOf(modelRequest({ usage: spent({ taskMs: 89_999 }) }), task)).toBe("ALLOWED");
    expect(codeOf(modelRequest({ usage: spent({ taskMs: 90_000 }) }), task)).toBe("BUDGET_WALL");
    const agent = { budgets: [{ per: ["agent"], wall: "30s" }] };
    expect(codeOf(toolRequest({ usage: spent({ taskMs: 60_000, activationMs: 29_999 }) }), agent)).toBe("ALLOWED");
    expect(codeOf(toolRequest({ usage: spent({ activationMs: 30_000 }) }), agent)).toBe("BUDGET_WALL");
  });

  it("bounds the calls of each tool that a pattern names by itself", () => {
    const spec = { budgets: [{ calls: { "mail-*": 1 } }] };
    const usage = spent({ calls: { "mail-send": 1 } });
    expect(codeOf(toolRequest({ tool: "mail_send", usage }), spec)).toBe("BUDGET_STEPS");
    expect(codeOf(toolRequest({ tool: "mail_read", usage }), spec)).toBe("ALLOWED");
  });

  it("in audit mode only says what it would deny, and sets the store no ceiling", () => {
    const set = setOf(globalPolicy({ mode: "audit", budgets: [{ steps: 0, tokens: 0, cost_usd: 0 }] }));
    expect(decide(modelRequest({ usage: NOTHING_SPENT }), set)).toMatchObject({ effect: "deny", enforced: false });
    expect(taskCeilings(SUBJECT, [set], null)).toEqual({ tokens: null, microUsd: null, steps: null, calls: null });
  });

  it("gives the store the lowest of all limits on the very call", () => {
    const set = setOf(
      globalPolicy({ max_calls: { search: 5 }, max_cost_usd_per_run: 2 }, "a"),
      globalPolicy({ budgets: [{ calls: { "*": 3 }, cost_usd: 1.5, steps: 9 }] }, "b"),
    );
    expect(taskCeilings(SUBJECT, [set], "search")).toEqual({ tokens: null, microUsd: 1_500_000, steps: 9, calls: 3 });
    expect(taskCeilings(SUBJECT, [set], null).calls).toBeNull();
  });
});

describe("a budget that many share", () => {
  it("is claimed once for each policy, agent, system, namespace and day that it names", () => {
    const set = setOf(
      globalPolicy({
        budgets: [
          { per: ["agent", "day"], tokens: 9 },
          { per: ["namespace"], steps: 4 },
        ],
      }),
    );
    const claims = sharedClaims(modelRequest({ reserveTokens: 7 }), [set, set]);
    expect(claims.toSorted((a, b) => a.amount - b.amount)).toEqual([
      {
        account: "AgentPolicy/default/guard|steps|namespace default|",
        windowMs: null,
        amount: 1,
        limit: 4,
        watched: null,
        settles: null,
      },
      {
        account: "AgentPolicy/default/guard|tokens|agent default/writer|day",
        windowMs: 86_400_000,
        amount: 7,
        limit: 9,
        watched: null,
        settles: "tokens",
      },
    ]);
  });

  it("is compared for a tool, which takes no tokens and no money: nothing is left to settle", () => {
    const set = setOf(globalPolicy({ budgets: [{ per: ["namespace"], tokens: 9, cost_usd: 1, steps: 4 }] }));
    const claims = sharedClaims(toolRequest(), [set]).map(({ amount, settles }) => ({ amount, settles }));
    expect(claims.toSorted((a, b) => a.amount - b.amount)).toEqual([
      { amount: 0, settles: null },
      { amount: 0, settles: null },
      { amount: 1, settles: null },
    ]);
  });

  it("takes the stricter limit where the policies of now are other than the task's", () => {
    const of = (tokens: number) => setOf(globalPolicy({ budgets: [{ per: ["day"], tokens }] }));
    expect(sharedClaims(modelRequest(), [of(500), of(90)])).toMatchObject([{ limit: 90, watched: null }]);
    expect(sharedClaims(modelRequest(), [of(50), of(90)])).toMatchObject([{ limit: 50 }]);
  });

  it("denies by what the ledger says, and where the ledger says nothing", () => {
    const spec = { budgets: [{ per: ["system"], tokens: 1_500 }] };
    const account = "AgentPolicy/default/guard|tokens|system default/reports|";
    const usage = (shared: Readonly<Record<string, number>>): Usage => spent({ shared });
    expect(codeOf(modelRequest({ usage: usage({ [account]: 500 }) }), spec)).toBe("ALLOWED");
    expect(codeOf(modelRequest({ usage: usage({ [account]: 501 }) }), spec)).toBe("BUDGET_TOKENS");
    expect(codeOf(modelRequest({ usage: usage({}) }), spec)).toBe("POLICY_ERROR");
  });

  it("is no limit for the store while it is in audit mode, and is counted", () => {
    const set = setOf(globalPolicy({ mode: "audit", rate: { calls: 1, per: "1m" } }));
    expect(sharedClaims(modelRequest(), [set])).toMatchObject([
      { amount: 1, limit: null, watched: 1, windowMs: 60_000 },
    ]);
  });
});

describe("a rate", () => {
  it("counts the tools that it names together, and denies in its own code", () => {
    const spec = { rate: { calls: 2, per: "1m", of: "github--*" } };
    const [claim] = sharedClaims(toolRequest({ tool: "github--search" }), [setOf(globalPolicy(spec))]);
    expect(claim).toMatchObject({ account: "AgentPolicy/default/guard|calls github--*||60000 ms", limit: 2 });
    expect(sharedClaims(toolRequest({ tool: "mail" }), [setOf(globalPolicy(spec))])).toEqual([]);
    expect(sharedClaims(modelRequest(), [setOf(globalPolicy(spec))])).toEqual([]);
    const usage = spent({ shared: { [claim?.account ?? ""]: 2 } });
    expect(codeOf(toolRequest({ tool: "github--read", usage }), spec)).toBe("RATE_LIMITED");
  });
});

it("never allows by any budget what it forbids without", () => {
  const amounts = fc.record({ tokens: fc.nat(2_000), microUsd: fc.nat(2_000), steps: fc.nat(5) });
  fc.assert(
    fc.property(amounts, amounts, fc.nat(1_000), (limit, used, reserveTokens) => {
      const spec = { budgets: [{ tokens: limit.tokens, cost_usd: limit.microUsd / 1e6, steps: limit.steps }] };
      const request = modelRequest({ usage: spent(used), reserveTokens, reserveMicroUsd: reserveTokens });
      const fits =
        used.tokens + reserveTokens <= limit.tokens &&
        used.microUsd + reserveTokens <= limit.microUsd &&
        used.steps + 1 <= limit.steps;
      expect(codeOf(request, spec) === "ALLOWED").toBe(fits);
    }),
  );
});
