// PolicyTests beside manifests: a case that the gate would answer otherwise is a problem at its line, and nothing else is.
import { describe, expect, it } from "vitest";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { errorCodes, file, load, MODEL, told } from "./files.ts";

const HEAD = "apiVersion: countwheel.dev/v1\nkind:";
const TOOL = `${HEAD} Tool\nmetadata: {name: pay}\nspec: {type: http, endpoint: "https://pay.example", risk_level: high}\n`;
const AGENT = `${HEAD} Agent\nmetadata: {name: clerk}\nspec: {model_ref: m, tools: [pay]}\n`;
const policy = (spec: string): string =>
  `${HEAD} AgentPolicy\nmetadata: {name: guard}\nspec:\n  apply_mode: global\n${spec}`;
const test = (...cases: readonly string[]): string =>
  `${HEAD} PolicyTest\nmetadata: {name: t}\nspec:\n  cases:\n${cases.map((one) => `    - ${one}\n`).join("")}`;
const one = (request: string, expected: string): string => `{name: it, request: {${request}}, expect: {${expected}}}`;
const RULES = policy("  rules:\n    - match: {tools: [pay]}\n      must: {amount: {at_most: 100}}\n");

describe("PolicyTests", () => {
  it("pass in silence where the gate answers as they expect", async () => {
    const passing = test(
      one("tool: pay, arguments: {amount: 5}", "effect: allow"),
      one("tool: pay, arguments: {amount: 500}", "effect: deny, code: TOOL_ARG_FORBIDDEN"),
      one("agent: clerk, tool: pay, arguments: {amount: 5}", "effect: allow"),
      one("agent: clerk, tool: mail, operation_classes: [write]", "effect: deny, code: TOOL_NOT_LISTED"),
      one("model: mock", "effect: allow"),
      one("tool: nothing", "effect: deny, code: TOOL_UNKNOWN"),
      one("tool: made-up, operation_classes: [read]", "effect: allow"),
    );
    expect(told(await load(MODEL, TOOL, AGENT, RULES, passing))).toEqual([]);
  });

  it("say expected and got with reasons, at the line of the case", async () => {
    const result = await load(
      MODEL,
      TOOL,
      AGENT,
      RULES,
      test(one("tool: pay, arguments: {amount: 500}", "effect: allow")),
    );
    expect(result.problems).toMatchObject([
      {
        code: "POLICY_TEST",
        severity: "error",
        summary: "PolicyTest `t`, `it`: expected allow, got deny TOOL_ARG_FORBIDDEN",
        detail: expect.stringContaining("AgentPolicy/default/guard spec.rules[0] at 4.yaml:7:7: a rule says deny"),
        address: "PolicyTest/default/t",
        file: "5.yaml",
        line: 6,
      },
    ]);
  });

  it("fail where the code is another one, and count spent budgets and roles", async () => {
    const budget = policy("  max_calls: {pay: 2}\n  max_tokens_per_run: 10\n");
    const usage = "usage: {tokens: 3, calls: {pay: 2}}";
    const cases = test(
      one(`tool: pay, ${usage}`, "effect: deny, code: BUDGET_STEPS"),
      one("model: mock, usage: {tokens: 8}, reserve_tokens: 3", "effect: deny, code: BUDGET_TOKENS"),
      one("tool: pay, roles: [nobody]", "effect: deny, code: ROLE_MISSING"),
      one("tool: pay", "effect: deny, code: TOOL_BLOCKED"),
    );
    expect(told(await load(MODEL, TOOL, budget, cases))).toEqual([
      "error POLICY_TEST 9:48 PolicyTest `t`, `it`: expected deny TOOL_BLOCKED, got allow",
    ]);
  });

  it("expect a person to be asked, about a turn of a model as about a call", async () => {
    const asks = policy(
      "  rules:\n    - {match: {models: [mock]}, effect: ask}\n    - {match: {tools: [pay], arguments: {amount: {greater_than: 9}}}, effect: ask}\n",
    );
    const passing = test(
      one("model: mock", "effect: ask"),
      one("agent: clerk, model: mock", "effect: ask, code: APPROVAL_REQUIRED"),
      one("tool: pay, arguments: {amount: 10}", "effect: ask"),
      one("tool: pay, arguments: {amount: 9}", "effect: allow"),
    );
    expect(told(await load(MODEL, TOOL, AGENT, asks, passing))).toEqual([]);
    expect(told(await load(MODEL, TOOL, AGENT, asks, test(one("model: mock", "effect: allow"))))).toEqual([
      "error POLICY_TEST 6:50 PolicyTest `t`, `it`: expected allow, got ask APPROVAL_REQUIRED",
    ]);
  });

  it("tell a policy in audit mode from one that denies", async () => {
    const audit = policy("  mode: audit\n  blocked_tools: [pay]\n");
    expect(told(await load(MODEL, TOOL, audit, test(one("tool: pay", "effect: deny"))))).toEqual([
      "error POLICY_TEST 6:48 PolicyTest `t`, `it`: expected deny, got allow (audit: would deny, TOOL_BLOCKED)",
    ]);
    expect(told(await load(MODEL, TOOL, audit, test(one("tool: pay", "effect: allow"))))).toEqual([]);
  });

  it("are asked again when only a policy changes", async () => {
    const loader = createLoader();
    const files = [
      file("t.yaml", TOOL),
      file("x.yaml", test(one("tool: pay, arguments: {amount: 90}", "effect: allow"))),
    ];
    expect((await loader.load([...files, file("p.yaml", RULES)])).problems).toEqual([]);
    const tighter = await loader.load([...files, file("p.yaml", RULES.replace("100", "50"))]);
    expect(errorCodes(tighter)).toEqual(["POLICY_TEST"]);
    expect((await loader.load([...files, file("p.yaml", RULES)])).problems).toEqual([]);
  });

  it("wait until the policies themselves are sound, and refuse what asks nothing or expects no code", async () => {
    const broken = policy("  rules:\n    - match: {tools: [pay]}\n      must: {amount: {at_mist: 1}}\n");
    expect(errorCodes(await load(TOOL, broken, test(one("tool: pay", "effect: deny"))))).toEqual(["SCHEMA"]);
    const odd = test(one("arguments: {}", "effect: deny"), one("tool: pay", "effect: deny, code: TOOL_BLOKED"));
    expect(told(await load(TOOL, odd))).toMatchObject([
      expect.stringContaining("a request is for a `tool` or for a `model`"),
      expect.stringContaining("`TOOL_BLOKED` is no code of a decision"),
    ]);
  });
});
