// The points of the gate behind a call, and those outside of any: what was answered, what was returned, what is used.
import { describe, expect, it } from "vitest";
import { PermanentFailure } from "../../../contracts/failure.ts";
import { decide } from "../../../policies/decide.ts";
import { compilePolicies } from "../../../policies/policy-set.ts";
import { CarriedLabels } from "../../../runner/gate/carried.ts";
import { openGuards } from "../../../runner/gate/guards.ts";
import { guardSecrets } from "../../../runner/secrets/guard-secrets.ts";
import { globalPolicy } from "../../policies/requests.ts";
import { gateOptions, MemoryRecorder, modelAsk, NEVER, openGate, postingTool, toolAsk } from "./desk.ts";

const MODEL = { provider: "openai", complete: () => Promise.resolve(ANSWER) };
const ANSWER = {
  text: "done",
  toolCalls: [],
  inputTokens: 900,
  outputTokens: 200,
  finishReason: "stop",
  provider: "openai",
  model: "gpt-4o-2026",
} as const;

async function takeTurn(spec: Readonly<Record<string, unknown>>, recorder = new MemoryRecorder()) {
  const gate = openGate({ recorder, policies: [globalPolicy(spec)] });
  const permission = await gate.requestModel(modelAsk(MODEL));
  if (permission.outcome !== "permitted") throw new Error(permission.outcome);
  await gate.callModel(permission.permit, NEVER);
  return { after: await gate.afterModel({ turn: 1, model: "gpt-4o-2026" }), types: recorder.types() };
}

describe("after a model", () => {
  it("ends the task where the answer cost more than was reserved and than is left", async () => {
    const { after, types } = await takeTurn({ max_tokens_per_run: 1_000, on_violation: "refuse" });
    expect(after).toMatchObject({
      outcome: "denied",
      stop: true,
      decision: { point: "after_model", code: "BUDGET_TOKENS" },
      denial: { message: expect.stringContaining("the task has spent 1100 of 1000 tokens") },
    });
    expect(types).toEqual(["turn.decided", "model.called", "model.answered", "turn.decided", "budget.exceeded"]);
  });

  it("says nothing within the budget, and records nothing", async () => {
    const { after, types } = await takeTurn({ max_tokens_per_run: 2_000 });
    expect([after, types]).toEqual([undefined, ["turn.decided", "model.called", "model.answered"]]);
  });

  it("lets what began in time finish", () => {
    const subject = { namespace: "default", system: "reports", task: "weekly", agent: "writer" };
    const late = { point: "after_model", subject, model: "gpt-4o", usage: { tokens: 0, taskMs: 7_200_000 } } as const;
    const set = compilePolicies([globalPolicy({ budgets: [{ wall: "1h" }] })], "sha256:wall");
    expect(decide(late, set).effect).toBe("allow");
  });

  it("only records in audit mode", async () => {
    const { after, types } = await takeTurn({ max_tokens_per_run: 1_000, mode: "audit" });
    expect([after, types.at(-1)]).toEqual([undefined, "turn.decided"]);
  });
});

describe("after a tool", () => {
  const READER = { flow: [{ data: ["private"], to: { agents: ["writer"] } }] };
  const inbox = postingTool("", {
    data: { returns: ["private"] },
    call: async () => ({ text: "mail", isError: false }),
  });

  async function read(spec: Readonly<Record<string, unknown>>) {
    const recorder = new MemoryRecorder();
    const gate = openGate({ recorder, tools: [inbox], policies: [globalPolicy(spec)] });
    const permission = await gate.requestTool(toolAsk());
    if (permission.outcome !== "permitted") throw new Error(permission.outcome);
    await gate.callTool(permission.permit, NEVER);
    return { after: await gate.afterTool(toolAsk()), recorder };
  }

  it("withholds what the agent may not read, by the policy's word on violations", async () => {
    for (const [onViolation, stop] of [
      ["refuse", false],
      ["stop", true],
    ] as const) {
      const { after, recorder } = await read({ ...READER, on_violation: onViolation });
      expect(after).toMatchObject({ stop, decision: { point: "after_tool", code: "FLOW_VIOLATION" } });
      expect(after?.result.text).toContain("`private` came with search (writer#1 m1.c1)");
      expect(after?.result.text).not.toContain("mail");
      expect(recorder.types().slice(-2)).toEqual(["tool.decided", "tool.denied"]);
    }
  });

  it("says nothing of other agents and other labels, and records nothing", async () => {
    for (const to of [{ agents: ["other"] }, { agents: ["writer"], tools: ["mail"] }]) {
      const { after, recorder } = await read({ flow: [{ data: ["private"], to }] });
      expect([after, recorder.types().at(-1)]).toEqual([undefined, "tool.answered"]);
    }
    expect((await read({ flow: [{ data: ["secret"], to: { agents: ["writer"] } }] })).after).toBeUndefined();
  });

  it("lets nobody begin who was sent what it may not read", async () => {
    const labels = [{ label: "private", from: "inbox (other#1 m1.c1)" }];
    const carried = new CarriedLabels([{ id: "m", from: "other", text: "", labels }]);
    const gate = openGate({ policies: [globalPolicy(READER)], carried });
    expect(await gate.admit()).toMatchObject({ outcome: "denied", denial: { code: "FLOW_VIOLATION" } });
  });

  it("asks policies of now, too", async () => {
    const live = compilePolicies([globalPolicy(READER)], "sha256:live");
    const gate = openGate({ tools: [inbox], live: () => Promise.resolve(live) });
    const permission = await gate.requestTool(toolAsk());
    if (permission.outcome !== "permitted") throw new Error(permission.outcome);
    await gate.callTool(permission.permit, NEVER);
    expect(await gate.afterTool(toolAsk())).toMatchObject({ decision: { code: "FLOW_VIOLATION" } });
    const gone = openGate({ tools: [inbox], live: () => Promise.reject(new Error("gone")) });
    expect(await gone.afterTool(toolAsk())).toMatchObject({ decision: { code: "POLICY_UNAVAILABLE" } });
  });
});

describe("outside of calls", () => {
  const open = (spec: Readonly<Record<string, unknown>>) => {
    const recorder = new MemoryRecorder();
    return { recorder, guards: openGuards(gateOptions({ recorder, policies: [globalPolicy(spec)] })) };
  };

  it("gives a Secret to nobody where a policy does not grant it, and asks before it is looked up", async () => {
    const { recorder, guards } = open({ allowed_secrets: ["mail"] });
    let resolved = 0;
    const known = {
      knownValues: () => [],
      note: () => undefined,
      resolve: () => Promise.resolve(`v${(resolved += 1)}`),
    };
    const secrets = guardSecrets(known, guards, () => true);
    const refused = secrets.resolve("stripe:key", "default", "Tool default/pay");
    await expect(refused).rejects.toThrow("the use of Secret `default/stripe` was denied: SECRET_NOT_GRANTED");
    await expect(refused).rejects.toBeInstanceOf(PermanentFailure);
    expect(resolved).toBe(0);
    expect(recorder.events).toMatchObject([
      { type: "turn.decided", data: { point: "secret_use", code: "SECRET_NOT_GRANTED", secret: "default/stripe" } },
    ]);
    expect(await secrets.resolve("mail", "default", "Tool default/mail")).toBe("v1");
    expect(recorder.events).toHaveLength(1);
  });

  it("reaches no server where a policy lets nothing there, and only records in audit mode", async () => {
    const uses = { reaches: ["https://mcp.example/x"] };
    const { recorder, guards } = open({ egress: { allow_hosts: ["other.example"] } });
    await expect(guards.useServer("McpServer default/notes", uses)).rejects.toMatchObject({ code: "EGRESS_DENIED" });
    expect(recorder.events).toMatchObject([{ data: { server: "McpServer default/notes", code: "EGRESS_DENIED" } }]);
    const audit = open({ mode: "audit", egress: { allow_hosts: [] } });
    await audit.guards.useServer("McpServer default/notes", uses);
    expect(audit.recorder.events).toMatchObject([{ data: { code: "EGRESS_DENIED", enforced: false } }]);
  });
});
