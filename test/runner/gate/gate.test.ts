// The gate decides, records, and only then permits: what is denied or cannot be recorded never happens.
import { describe, expect, it } from "vitest";
import { digestOf } from "../../../contracts/canonical.ts";
import { LeaseLost, TransientFailure } from "../../../contracts/failure.ts";
import { verifyChain } from "../../../contracts/trace.ts";
import { compilePolicies, type PolicySet } from "../../../policies/policy-set.ts";
import type { Model } from "../../../runner/models/model.ts";
import { openPrices } from "../../../runner/models/price.ts";
import { globalPolicy, policy } from "../../policies/requests.ts";
import { serve } from "../tools/http-server.ts";
import { MemoryRecorder, modelAsk, NEVER, openGate, postingModel, postingTool, toolAsk } from "./desk.ts";

const ok = (text: string) => serve((response) => void response.end(text));

function nested(levels: number): Record<string, unknown> {
  let value: unknown = "end";
  for (let level = 0; level < levels; level += 1) value = [value];
  return { q: value };
}

describe("a tool call", () => {
  it("is decided, called and answered in the trace, with the decision, the arguments and their digests", async () => {
    const server = await ok("42 results");
    const recorder = new MemoryRecorder();
    const gate = openGate({ tools: [postingTool(server.url)], recorder });
    const asked = await gate.requestTool(toolAsk());
    if (asked.outcome !== "permitted") throw new Error(asked.outcome);
    expect(server.asked).toEqual([]);
    expect(await gate.callTool(asked.permit, NEVER)).toEqual({
      outcome: "answered",
      result: { text: "42 results", isError: false },
    });
    const argumentsDigest = digestOf({ q: "tea" });
    expect(recorder.events).toMatchObject([
      { type: "tool.decided", activation: "writer#1", agent: "writer", turn: 1, step: "m1.c1" },
      { type: "tool.called", data: { tool: "search", definitionDigest: "sha256:definition", arguments: { q: "tea" } } },
      { type: "tool.answered", data: { latencyMs: 0, resultBytes: 10, isError: false } },
    ]);
    expect(recorder.events[0]?.data).toMatchObject({
      decisionId: "d1",
      point: "before_tool",
      effect: "allow",
      code: "ALLOWED",
      enforced: true,
      policyDigest: "sha256:pinned",
      tool: "search",
      argumentsDigest,
    });
    expect(recorder.events[1]?.data).toMatchObject({ argumentsDigest, decisionId: "d1" });
    expect(recorder.steps.get("m1.c1")).toMatchObject({ state: "done", tool: { text: "42 results" } });
    const chain = recorder.chain();
    expect(verifyChain("default/weekly", chain).outcome).toBe("intact");
  });

  it("carries the same idempotency key for every try of one step, and another for another step", async () => {
    const server = await ok("");
    const gate = openGate({ tools: [postingTool(server.url)] });
    for (const index of [1, 1, 2]) {
      const asked = await gate.requestTool({ ...toolAsk(), index });
      if (asked.outcome === "permitted") await gate.callTool(asked.permit, NEVER);
    }
    const keys = server.asked.map(({ headers }) => headers["idempotency-key"]);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(keys[1]).toBe(keys[0]);
    expect(keys[2]).not.toBe(keys[0]);
  });

  it("that is denied is never made: a hard stop with a structured denial, and an entry in the trace", async () => {
    const server = await ok("");
    const recorder = new MemoryRecorder();
    const policies = [policy("cost-policy", { target_systems: ["reports"], blocked_tools: ["Search"] })];
    const gate = openGate({ tools: [postingTool(server.url)], recorder, policies });
    const asked = await gate.requestTool(toolAsk());
    expect(asked).toMatchObject({
      outcome: "denied",
      stop: true,
      denial: {
        status: "denied",
        code: "TOOL_BLOCKED",
        reason: "`search` is blocked",
        retryable: false,
        message:
          "the call of tool `search` was denied: TOOL_BLOCKED, `search` is blocked (AgentPolicy/default/cost-policy spec.blocked_tools[0])",
        details: {
          tool: "search",
          policy: "AgentPolicy/default/cost-policy",
          rule: "spec.blocked_tools[0]",
          decisionId: "d1",
        },
      },
    });
    expect(server.asked).toEqual([]);
    expect(recorder.types()).toEqual(["tool.decided", "tool.denied"]);
    expect(recorder.events[1]?.data).toMatchObject({
      code: "TOOL_BLOCKED",
      decisionId: "d1",
      details: { policy: "AgentPolicy/default/cost-policy", rule: "spec.blocked_tools[0]" },
      arguments: { q: "tea" },
    });
    expect(recorder.steps.size).toBe(0);
  });

  it("that is refused only is recorded as its result, so that a takeover reads the same", async () => {
    const recorder = new MemoryRecorder();
    const policies = [globalPolicy({ blocked_tools: ["search"], on_violation: "refuse" })];
    const asked = await openGate({ tools: [postingTool("")], recorder, policies }).requestTool(toolAsk());
    if (asked.outcome !== "denied") throw new Error(asked.outcome);
    expect(asked).toMatchObject({ stop: false, result: { isError: true } });
    expect(JSON.parse(asked.result.text)).toEqual(asked.denial);
    expect(recorder.steps.get("m1.c1")).toMatchObject({ state: "failed", tool: asked.result });
  });

  it("to a tool that is not listed, or that needs an approval, is denied", async () => {
    const unlisted = await openGate({ tools: [postingTool("")], listed: [] }).requestTool(toolAsk());
    expect(unlisted).toMatchObject({ outcome: "denied", stop: true, denial: { code: "TOOL_NOT_LISTED" } });
    const policies = [globalPolicy({ rules: [{ match: { tools: ["search"] }, effect: "ask" }] })];
    const asking = await openGate({ tools: [postingTool("")], policies }).requestTool(toolAsk());
    expect(asking).toMatchObject({ outcome: "denied", stop: true, decision: { effect: "ask" } });
    if (asking.outcome !== "denied") throw new Error(asking.outcome);
    expect(asking.denial.code).toBe("APPROVAL_REQUIRED");
    expect(asking.denial.message).toContain("needs an approval, and nobody can be asked about it");
  });

  it("that a policy in audit mode would deny is made, and its decision says so", async () => {
    const server = await ok("yes");
    const recorder = new MemoryRecorder();
    const policies = [globalPolicy({ mode: "audit", blocked_tools: ["search"] })];
    const gate = openGate({ tools: [postingTool(server.url)], recorder, policies });
    const asked = await gate.requestTool(toolAsk());
    if (asked.outcome !== "permitted") throw new Error(asked.outcome);
    await gate.callTool(asked.permit, NEVER);
    expect(server.asked).toHaveLength(1);
    expect(recorder.events[0]?.data).toMatchObject({ effect: "deny", code: "TOOL_BLOCKED", enforced: false });
  });

  it.each([
    ["that are no JSON", { arguments: {}, malformed: "{ nope" }],
    ["that lack a field", { arguments: {} }],
    ["beyond JSON", { arguments: { q: "x", n: Number.POSITIVE_INFINITY } }],
    ["nested without end", { arguments: nested(100_000) }],
    ["of the wrong type", { arguments: { q: 7 } }],
  ])("with arguments %s is answered without being made", async (_, call) => {
    const server = await ok("");
    const recorder = new MemoryRecorder();
    const inputSchema = { type: "object", properties: { q: { type: "string" } }, required: ["q"] };
    const tool = postingTool(server.url, { definition: { name: "search", description: "", inputSchema } });
    const asked = await openGate({ tools: [tool], recorder }).requestTool(toolAsk("search", call));
    expect(asked).toMatchObject({ outcome: "invalid", result: { isError: true } });
    expect(server.asked).toEqual([]);
    expect(recorder.events).toMatchObject([{ type: "tool.failed", data: { code: "TOOL_ARGUMENTS_INVALID" } }]);
    expect(recorder.steps.get("m1.c1")).toMatchObject({ state: "failed", tool: { isError: true } });
  });

  it.each([
    ["", "(no name)"],
    ["x".repeat(100_000), "x".repeat(253)],
  ])("to `%.10s`, which is no name, is denied", async (tool, name) => {
    const asked = await openGate({ tools: [postingTool("")] }).requestTool(toolAsk(tool));
    expect(asked).toMatchObject({ outcome: "denied", denial: { code: "TOOL_NOT_LISTED", details: { tool: name } } });
  });

  it("with bad arguments to a blocked tool is denied all the same", async () => {
    const policies = [globalPolicy({ blocked_tools: ["search"] })];
    const gate = openGate({ tools: [postingTool("")], policies });
    const asked = await gate.requestTool(toolAsk("search", { malformed: "x" }));
    expect(asked).toMatchObject({ outcome: "denied", stop: true });
  });
});

describe("what cannot be recorded does not happen", () => {
  const broken = new TransientFailure("REDIS_UNAVAILABLE", "gone");
  it("of a tool call: decision and intent are one record, before it", async () => {
    const server = await ok("");
    const recorder = new MemoryRecorder({ from: 1, error: broken });
    const gate = openGate({ tools: [postingTool(server.url)], recorder });
    const whole = async (): Promise<void> => {
      const asked = await gate.requestTool(toolAsk());
      if (asked.outcome === "permitted") await gate.callTool(asked.permit, NEVER);
    };
    await expect(whole()).rejects.toBe(broken);
    expect(server.asked).toEqual([]);
  });

  it("of a model call: decision, reservation and intent are one record, before it", async () => {
    const server = await ok("");
    const error = new LeaseLost("writer#1", "given to another runner");
    const gate = openGate({ recorder: new MemoryRecorder({ from: 1, error }) });
    const whole = async (): Promise<void> => {
      const asked = await gate.requestModel(modelAsk(postingModel(server.url)));
      if (asked.outcome === "permitted") await gate.callModel(asked.permit, NEVER);
    };
    await expect(whole()).rejects.toBe(error);
    expect(server.asked).toEqual([]);
  });

  it("but what came of a read or of a model call may ride with the next record: only a write is written at once", async () => {
    const server = await ok("42");
    const readers = ["read", "idempotent"] as const;
    for (const effect of readers) {
      const gate = openGate({
        tools: [postingTool(server.url, { effect })],
        recorder: new MemoryRecorder({ from: 2, error: broken }),
      });
      const asked = await gate.requestTool(toolAsk());
      if (asked.outcome !== "permitted") throw new Error(asked.outcome);
      expect(await gate.callTool(asked.permit, NEVER)).toMatchObject({ result: { text: "42" } });
    }
    const recorder = new MemoryRecorder({ from: 2, error: broken });
    const gate = openGate({ tools: [postingTool(server.url, { effect: "write" })], recorder });
    const asked = await gate.requestTool(toolAsk());
    if (asked.outcome !== "permitted") throw new Error(asked.outcome);
    await expect(gate.callTool(asked.permit, NEVER)).rejects.toBe(broken);
  });

  it("nor does what was permitted before the lease was lost, or before the signal was aborted", async () => {
    const server = await ok("");
    const recorder = new MemoryRecorder();
    const gate = openGate({ tools: [postingTool(server.url)], recorder });
    const [one, two] = [await gate.requestTool(toolAsk()), await gate.requestModel(modelAsk(postingModel(server.url)))];
    if (one.outcome !== "permitted" || two.outcome !== "permitted") throw new Error("denied");
    const reason = new Error("cancelled");
    await expect(gate.callModel(two.permit, AbortSignal.abort(reason))).rejects.toBe(reason);
    recorder.lease = new LeaseLost("writer#1", "lapsed");
    await expect(gate.callTool(one.permit, NEVER)).rejects.toBe(recorder.lease);
    expect(server.asked).toEqual([]);
  });
});

const PRICED = { default_model: "m", price: { input_per_mtok: 1, output_per_mtok: 10 } };

describe("a model turn", () => {
  it("is decided with its reservation, called, answered and settled", async () => {
    const server = await ok("");
    const recorder = new MemoryRecorder();
    const gate = openGate({ recorder, policies: [globalPolicy({ max_tokens_per_run: 1_000 })] });
    const ask = { ...modelAsk(postingModel(server.url)), price: (await openPrices(PRICED))(new Date(0)) };
    const asked = await gate.requestModel(ask);
    if (asked.outcome !== "permitted") throw new Error(asked.outcome);
    expect(recorder.spent.reservedTokens).toBeGreaterThan(100);
    expect((await gate.callModel(asked.permit, NEVER)).text).toBe("done");
    expect(recorder.spent).toMatchObject({ inputTokens: 40, outputTokens: 10, reservedTokens: 0, costUsd: 0.00014 });
    expect(recorder.events).toMatchObject([
      { type: "turn.decided", data: { point: "before_model", effect: "allow", model: "gpt-4o", provider: "openai" } },
      { type: "model.called", data: { model: "gpt-4o", provider: "openai", decisionId: "d1" } },
      {
        type: "model.answered",
        data: {
          inputTokens: 40,
          outputTokens: 10,
          latencyMs: 0,
          costUsd: 0.00014,
          model: "gpt-4o-2026",
          provider: "openai",
          finishReason: "stop",
        },
      },
    ]);
    expect(recorder.steps.get("m1")).toMatchObject({ state: "done", model: { text: "done" } });
  });

  it("over its budget is denied before a token is spent", async () => {
    const server = await ok("");
    const recorder = new MemoryRecorder();
    const gate = openGate({ recorder, policies: [globalPolicy({ max_tokens_per_run: 50 })] });
    const asked = await gate.requestModel(modelAsk(postingModel(server.url)));
    expect(asked).toMatchObject({ outcome: "denied", stop: true, denial: { code: "BUDGET_TOKENS" } });
    expect(recorder.types()).toEqual(["turn.decided", "budget.exceeded"]);
    expect(recorder.events[1]?.data).toMatchObject({ code: "BUDGET_TOKENS", limit: 50, spent: 0 });
    expect(server.asked).toEqual([]);
  });

  it("keeps the estimate of an attempt that may have been billed, and gives back that of a refused one", async () => {
    const recorder = new MemoryRecorder();
    const gate = openGate({ recorder });
    const failing = async (error: Error, retry: number): Promise<void> => {
      const model: Model = {
        provider: "openai",
        complete: async () => {
          throw error;
        },
      };
      const asked = await gate.requestModel(modelAsk(model, {}, retry));
      if (asked.outcome !== "permitted") throw new Error(asked.outcome);
      await expect(gate.callModel(asked.permit, NEVER)).rejects.toBe(error);
    };
    await failing(new TransientFailure("MODEL_RATE_LIMITED", "429"), 0);
    expect(recorder.spent.reservedTokens).toBe(0);
    await failing(new TransientFailure("MODEL_TIMEOUT", "late"), 1);
    expect(recorder.spent.reservedTokens).toBeGreaterThan(100);
    expect(recorder.types().filter((type) => type === "model.failed")).toHaveLength(2);
    expect(recorder.steps.get("m1")).toMatchObject({ state: "failed" });
    expect(recorder.steps.get("m1.r1")).toMatchObject({
      state: "failed",
      reservedTokens: recorder.spent.reservedTokens,
    });
  });

  it("of many branches at once never reserves more than the ceiling", async () => {
    const server = await ok("");
    const recorder = new MemoryRecorder();
    const policies = [globalPolicy({ max_tokens_per_run: 1_000 })];
    const branches = Array.from({ length: 50 }, (_, index) =>
      openGate({ recorder, policies, activation: `writer#${index + 1}` }),
    );
    const asked = await Promise.all(branches.map((gate) => gate.requestModel(modelAsk(postingModel(server.url)))));
    const permitted = asked.filter(({ outcome }) => outcome === "permitted").length;
    const each = recorder.spent.reservedTokens / permitted;
    expect(permitted).toBe(Math.floor(1_000 / each));
    expect(recorder.spent.reservedTokens).toBeLessThanOrEqual(1_000);
    expect(
      asked.filter((answer) => answer.outcome === "denied").every(({ decision }) => decision.code === "BUDGET_TOKENS"),
    ).toBe(true);
  });

  it("is denied where the store says that the budget is spent and the ledger at hand does not", async () => {
    const recorder = new MemoryRecorder();
    const stale = { ...recorder.spent };
    recorder.spent = { ...stale, inputTokens: 990 };
    recorder.ledger = () => stale;
    const gate = openGate({ recorder, policies: [globalPolicy({ max_tokens_per_run: 1_000 })] });
    expect(await gate.requestModel(modelAsk(postingModel("")))).toMatchObject({
      outcome: "denied",
      denial: { code: "BUDGET_TOKENS" },
    });
    expect(recorder.types()).toEqual(["turn.decided", "budget.exceeded"]);
  });
});

function live(spec: Readonly<Record<string, unknown>>): () => Promise<PolicySet> {
  return async () => compilePolicies([globalPolicy(spec)], "sha256:live");
}

describe("policies of now", () => {
  it("tighten a task that runs, and the decision names both digests", async () => {
    const recorder = new MemoryRecorder();
    const gate = openGate({ tools: [postingTool("")], recorder, live: live({ blocked_tools: ["search"] }) });
    expect(await gate.requestTool(toolAsk())).toMatchObject({ outcome: "denied", denial: { code: "TOOL_BLOCKED" } });
    expect(recorder.events[0]?.data).toMatchObject({ policyDigest: "sha256:pinned", livePolicyDigest: "sha256:live" });
  });

  it("do not loosen it", async () => {
    const policies = [globalPolicy({ blocked_tools: ["search"] })];
    const gate = openGate({ tools: [postingTool("")], policies, live: live({}) });
    expect(await gate.requestTool(toolAsk())).toMatchObject({ outcome: "denied" });
  });

  it("lower the ceiling that the store enforces", async () => {
    const policies = [globalPolicy({ max_tokens_per_run: 100_000 })];
    const gate = openGate({ policies, live: live({ max_tokens_per_run: 10 }) });
    expect(await gate.requestModel(modelAsk(postingModel("")))).toMatchObject({ denial: { code: "BUDGET_TOKENS" } });
  });

  it("that cannot be read deny", async () => {
    const gate = openGate({ tools: [postingTool("")], live: () => Promise.reject(new Error("Redis is away")) });
    expect(await gate.admit()).toMatchObject({ outcome: "denied", denial: { code: "POLICY_UNAVAILABLE" } });
    expect(await gate.requestTool(toolAsk())).toMatchObject({ denial: { code: "POLICY_UNAVAILABLE" }, stop: true });
  });
});

it("admits an agent, or says why not, and records either", async () => {
  const recorder = new MemoryRecorder();
  expect(await openGate({ recorder }).admit()).toMatchObject({ outcome: "admitted", decision: { code: "ALLOWED" } });
  const refused = await openGate({ recorder, policies: [globalPolicy({ rate: "5/m" })] }).admit();
  expect(refused).toMatchObject({ outcome: "denied", stop: true, denial: { code: "POLICY_ERROR" } });
  expect(recorder.events).toMatchObject([
    { type: "turn.decided", data: { point: "task_admission", effect: "allow" } },
    { type: "turn.decided", data: { point: "task_admission", effect: "deny" } },
  ]);
});
