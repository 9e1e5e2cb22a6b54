// Rules on the flow of labelled data and on sequences of calls, as the evaluator judges them.
import { describe, expect, it } from "vitest";
import { boundsOf } from "../../policies/bounds.ts";
import { decide, needsHistory, saysAfter } from "../../policies/decide.ts";
import type { CarriedLabel, GateRequest } from "../../policies/request.ts";
import { globalPolicy, policy, SUBJECT, setOf, toolRequest } from "./requests.ts";

const PRIVATE: CarriedLabel = { label: "private", from: "inbox.read (reader#1 m1.c1)" };
const UNTRUSTED: CarriedLabel = { label: "Untrusted", from: "fetch (reader#1 m2.c1)" };
const MET = { data: ["private", "untrusted"], to: { sends_to: ["outside"] } };
const guard = (spec: Readonly<Record<string, unknown>>) => setOf(globalPolicy(spec));

interface Wish {
  readonly carried?: readonly CarriedLabel[];
  readonly tool?: string;
  readonly sendsTo?: readonly string[];
  readonly classes?: readonly ("read" | "write")[];
}

function send({ carried = [], tool = "mail.send", sendsTo = ["Outside"], classes = ["write"] }: Wish = {}) {
  const request = toolRequest({ tool, facts: { operationClasses: classes, data: { sendsTo } } });
  return { ...request, carried } satisfies GateRequest;
}

describe("a rule on the flow of data", () => {
  it.each([
    ["nothing was read", {}, "ALLOWED"],
    ["only one of the labels was read", { carried: [PRIVATE] }, "ALLOWED"],
    ["all of them were read", { carried: [PRIVATE, UNTRUSTED] }, "FLOW_VIOLATION"],
    ["the tool sends elsewhere", { carried: [PRIVATE, UNTRUSTED], sendsTo: ["inside"] }, "ALLOWED"],
    ["the tool sends nowhere", { carried: [PRIVATE, UNTRUSTED], sendsTo: [] }, "ALLOWED"],
  ])("where %s", (_, wish, code) => {
    expect(decide(send(wish), guard({ flow: [MET] })).code).toBe(code);
  });

  it("names every label with the call that it came with, and the rule", () => {
    const { reasons } = decide(
      send({ carried: [PRIVATE, UNTRUSTED] }),
      guard({ flow: [{ ...MET, message: "no leaks" }] }),
    );
    expect(reasons).toEqual([
      {
        policy: "AgentPolicy/default/guard",
        rule: "spec.flow[0]",
        message:
          "no leaks: `private` came with inbox.read (reader#1 m1.c1), `untrusted` came with fetch (reader#1 m2.c1)",
        path: "carried",
        code: "FLOW_VIOLATION",
      },
    ]);
  });

  it.each([
    ["its name, with a star", { tools: ["mail.*"] }, { tool: "mail_send" }, true],
    ["another name", { tools: ["chat.*"] }, { tool: "mail_send" }, false],
    ["its class", { operation_classes: ["write"] }, { classes: ["write"] as const }, true],
    ["another class", { operation_classes: ["write"] }, { classes: ["read"] as const }, false],
    ["no class known, which may be any", { operation_classes: ["write"] }, { classes: [] }, true],
    ["where it sends, with a star", { sends_to: ["out*"] }, {}, true],
    ["its class, but not where it sends", { operation_classes: ["write"], sends_to: ["inside"] }, {}, false],
  ])("is about a tool by %s", (_, to, wish, holds) => {
    const verdict = decide(send({ carried: [PRIVATE], ...wish }), guard({ flow: [{ data: ["private"], to }] }));
    expect(verdict.effect).toBe(holds ? "deny" : "allow");
  });

  it("counts the labels that its own policy gives the task's input, and no other policy's", () => {
    const rule = { data: ["untrusted"], to: { sends_to: ["outside"] } };
    const own = decide(send(), guard({ input_labels: ["untrusted"], flow: [rule] }));
    expect(own).toMatchObject({
      code: "FLOW_VIOLATION",
      reasons: [{ message: expect.stringContaining("the task's input") }],
    });
    const other = setOf(
      globalPolicy({ flow: [rule] }),
      globalPolicy({ input_labels: ["untrusted"], mode: "audit" }, "b"),
    );
    expect(decide(send(), other).effect).toBe("allow");
  });

  it("asks a person where an approval lifts it, under the terms that it names", () => {
    const rule = {
      ...MET,
      declassify: "approval",
      approval: { ttl: "1h", not_requester: true, approvers: ["local:eve"] },
    };
    expect(decide(send({ carried: [PRIVATE, UNTRUSTED] }), guard({ flow: [rule] }))).toMatchObject({
      effect: "ask",
      code: "APPROVAL_REQUIRED",
      approval: { ttlMs: 3_600_000, notRequester: true, approvers: ["local:eve"] },
      reasons: [{ message: expect.stringContaining("inbox.read (reader#1 m1.c1)") }],
    });
  });

  it("denies where another rule lifts nothing, whatever an approval could do", () => {
    const flow = [{ ...MET, declassify: "approval" }, MET];
    expect(decide(send({ carried: [PRIVATE, UNTRUSTED] }), guard({ flow })).code).toBe("FLOW_VIOLATION");
  });

  it("only records in audit mode", () => {
    expect(decide(send({ carried: [PRIVATE, UNTRUSTED] }), guard({ mode: "audit", flow: [MET] }))).toMatchObject({
      effect: "deny",
      code: "FLOW_VIOLATION",
      enforced: false,
    });
  });

  it("is not asked about agents that its policy is not for", () => {
    const scoped = setOf(policy("guard", { target_agents: ["other"], flow: [MET] }));
    expect(decide(send({ carried: [PRIVATE, UNTRUSTED] }), scoped).effect).toBe("allow");
  });

  it.each([
    ["no list", { flow: {} }],
    ["no label", { flow: [{ data: [], to: { tools: ["x"] } }] }],
    ["a label that is none", { flow: [{ data: ["a b"], to: { tools: ["x"] } }] }],
    ["nowhere to go", { flow: [{ data: ["private"] }] }],
    ["an empty list of tools", { flow: [{ data: ["private"], to: { tools: [] } }] }],
    ["an unknown word", { flow: [{ data: ["private"], to: { tool: ["x"] } }] }],
    [
      "terms of an approval that nobody can give",
      { flow: [{ data: ["private"], to: { tools: ["x"] }, approval: {} }] },
    ],
    ["a label of the input that is none", { input_labels: ["", " a b"] }],
  ])("denies everything in scope where it has %s", (_, spec) => {
    expect(decide(toolRequest(), guard(spec)).code).toBe("POLICY_ERROR");
  });

  it("bounds what access shows", () => {
    const asks = { data: ["private"], to: { tools: ["mail.send"] }, declassify: "approval" };
    expect(boundsOf(send(), guard({ flow: [MET, asks, { data: ["x"], to: { tools: ["other"] } }] }))).toEqual([
      {
        effect: "deny",
        text: "never once data labelled `private` and `untrusted` was read",
        policy: "AgentPolicy/default/guard",
        rule: "spec.flow[0]",
        past: true,
        enforced: true,
      },
      {
        effect: "ask",
        text: "asks first once data labelled `private` was read",
        policy: "AgentPolicy/default/guard",
        rule: "spec.flow[1]",
        past: true,
        enforced: true,
      },
    ]);
  });
});

describe("a rule on what agents may read", () => {
  const READING = { data: ["private"], to: { agents: ["writer", "other/*"] } };
  const admission = (carried: readonly CarriedLabel[], agent = "writer"): GateRequest => ({
    point: "task_admission",
    subject: { ...SUBJECT, agent },
    carried,
  });
  const returned = (carried: readonly CarriedLabel[]): GateRequest => {
    const { subject, tool, usage } = toolRequest();
    return { point: "after_tool", subject, tool, usage, carried };
  };

  it("is asked when the agent begins and after its calls, and about no call itself", () => {
    const set = guard({ flow: [READING] });
    expect(decide(admission([PRIVATE]), set)).toMatchObject({
      code: "FLOW_VIOLATION",
      reasons: [{ message: "the agent may not read this: `private` came with inbox.read (reader#1 m1.c1)" }],
    });
    expect(decide(returned([PRIVATE]), set).code).toBe("FLOW_VIOLATION");
    expect(decide(send({ carried: [PRIVATE] }), set).effect).toBe("allow");
  });

  it("leaves other agents and other data alone", () => {
    const set = guard({ flow: [READING] });
    expect(decide(admission([PRIVATE], "reader"), set).effect).toBe("allow");
    expect(decide(admission([UNTRUSTED]), set).effect).toBe("allow");
    expect(decide(returned([]), set).effect).toBe("allow");
  });

  it("narrows a rule on calls where it names tools, too", () => {
    const set = guard({ flow: [{ data: ["private"], to: { agents: ["writer"], tools: ["mail.send"] } }] });
    expect(decide(send({ carried: [PRIVATE] }), set).code).toBe("FLOW_VIOLATION");
    const request = send({ carried: [PRIVATE] });
    expect(decide({ ...request, subject: { ...SUBJECT, agent: "reader" } }, set).effect).toBe("allow");
    expect(decide(admission([PRIVATE]), set).effect).toBe("allow");
  });

  it("cannot wait for a person, and bounds what access shows", () => {
    expect(decide(toolRequest(), guard({ flow: [{ ...READING, declassify: "approval" }] })).code).toBe("POLICY_ERROR");
    expect(boundsOf(send(), guard({ flow: [READING] })).map(({ text }) => text)).toEqual([
      "what it returns is withheld once it comes to data labelled `private`",
    ]);
  });

  it("is what anybody asks after a call for, and nothing else is", () => {
    expect(saysAfter("after_tool", SUBJECT, guard({ flow: [READING] }))).toBe(true);
    expect(saysAfter("after_tool", SUBJECT, guard({ flow: [MET], max_tokens_per_run: 5 }))).toBe(false);
    expect(saysAfter("after_tool", { ...SUBJECT, agent: "reader" }, guard({ flow: [READING] }))).toBe(false);
    expect(saysAfter("after_model", SUBJECT, guard({ max_tokens_per_run: 5 }))).toBe(true);
    expect(saysAfter("after_model", SUBJECT, guard({ flow: [READING] }))).toBe(false);
  });
});

describe("a rule on sequences", () => {
  const REFUND = { tools: ["stripe.refund"], requires_before: ["orders.verify", "risk--*"], not_after: ["mail.send"] };
  const refund = (succeeded: readonly string[], begun: readonly string[] = []): GateRequest => ({
    ...toolRequest({ tool: "stripe.refund" }),
    history: { succeeded, begun: [...succeeded, ...begun] },
  });

  it.each([
    ["nothing came before", refund([]), "FLOW_VIOLATION"],
    ["one of two came before", refund(["orders.verify"]), "FLOW_VIOLATION"],
    ["both came before", refund(["orders_verify", "risk--score"]), "ALLOWED"],
    ["one was called and did not succeed", refund(["orders.verify"], ["risk--score"]), "FLOW_VIOLATION"],
    ["what ends it was called", refund(["orders.verify", "risk--score"], ["mail.send"]), "FLOW_VIOLATION"],
    ["another tool is called", { ...toolRequest(), history: { succeeded: [], begun: ["mail.send"] } }, "ALLOWED"],
    ["nobody knows what came before", toolRequest({ tool: "stripe.refund" }), "POLICY_ERROR"],
  ] as const)("where %s", (_, request, code) => {
    expect(decide(request, guard({ sequence: [REFUND] })).code).toBe(code);
  });

  it("tells every call that is missing", () => {
    const { reasons } = decide(refund([]), guard({ sequence: [{ ...REFUND, message: "look first" }] }));
    expect(reasons.map(({ message }) => message)).toEqual([
      "look first: `stripe.refund` may be called only after `orders.verify` has succeeded in this task",
      "look first: `stripe.refund` may be called only after `risk--*` has succeeded in this task",
    ]);
  });

  it("wants to know what came before for its own tools only, and of policies in scope only", () => {
    const set = guard({ sequence: [REFUND] });
    expect(needsHistory(refund([]), set)).toBe(true);
    expect(needsHistory(toolRequest(), set)).toBe(false);
    const scoped = setOf(policy("guard", { target_agents: ["other"], sequence: [REFUND] }));
    expect(needsHistory(refund([]), scoped)).toBe(false);
  });

  it.each([
    ["no list", { sequence: {} }],
    ["no tools", { sequence: [{ not_after: ["x"] }] }],
    ["nothing to come before", { sequence: [{ tools: ["x"] }] }],
    ["an empty list", { sequence: [{ tools: ["x"], requires_before: [] }] }],
    ["an unknown word", { sequence: [{ tools: ["x"], after: ["y"] }] }],
  ])("denies everything in scope where it has %s", (_, spec) => {
    expect(decide(toolRequest(), guard(spec)).code).toBe("POLICY_ERROR");
  });

  it("bounds what access shows", () => {
    const texts = boundsOf(toolRequest({ tool: "stripe.refund" }), guard({ sequence: [REFUND] })).map(
      ({ text }) => text,
    );
    expect(texts).toEqual([
      "only after `orders.verify` has succeeded",
      "only after `risk--*` has succeeded",
      "never after `mail.send` was called",
    ]);
  });
});
