// Every call with which the gate decides, records or refuses, and what the code is without it. `npm run mutants` takes them
// away one by one: a test must go red each time.

export interface Mutant {
  readonly file: string;
  /** Stands in the file once; or as often as is told by `of`, and the `nth` is meant. */
  readonly from: string;
  readonly to: string;
  readonly nth?: number;
  /** Files of tests of which one must go red. */
  readonly tests: readonly string[];
}

const TOWN = ["test/completeness/completeness.test.ts"];
const GATE = ["test/runner/gate/gate.test.ts", "test/runner/gate/door.test.ts", "test/runner/gate/budget.test.ts"];
const POLICIES = ["test/policies"];

const AROUND_THE_GATE: readonly Mutant[] = [
  {
    file: "runner/attempt.ts",
    from: `if (admission.outcome === "denied") return { kind: "denied", denial: admission.denial };`,
    to: "",
    tests: TOWN,
  },
  { file: "runner/attempt.ts", from: "await bench.gate.admit()", to: `{ outcome: "admitted" }`, tests: TOWN },
  {
    file: "runner/agent/try-model.ts",
    from: "const permission = await desk.gate.requestModel(ask);",
    to: `return { outcome: "answered", answer: await ask.model.complete(ask.request, desk.signal) };`,
    tests: TOWN,
  },
  {
    file: "runner/gate/gate.ts",
    from: "requestTool: (ask) => requestTool(options, ask),",
    to: `requestTool: async (ask) => ({ outcome: "repeated", result: await options.toolBox.find(ask.call.tool).call(
      ask.call.arguments, { idempotencyKey: "none", signal: new AbortController().signal, checkLease: () => undefined }) }),`,
    tests: TOWN,
  },
  {
    file: "runner/gate/verify.ts",
    from: "const permission = await requestTool(listed, { turn, index, retry, call: asked, step });",
    to: `const direct = { idempotencyKey: "none", signal, checkLease: () => undefined };
  return readVerdict(verify, (await options.toolBox.find(verify).call(asked.arguments, direct)).text);`,
    tests: TOWN,
  },
  {
    file: "runner/workshop.ts",
    from: "livePolicies: () => live.get(held.since.madeByMs, held.lease.signal),",
    to: "",
    tests: ["test/runner/runner.test.ts", "test/runner/stops.test.ts"],
  },
  {
    file: "runner/workshop.ts",
    from: "if (stop === undefined) return;",
    to: "return;",
    tests: ["test/runner/stops.test.ts"],
  },
  {
    file: "runner/workshop.ts",
    from: "approvals: openApprovalBook(options.redis, held),",
    to: "",
    tests: ["test/runner/approvals.test.ts"],
  },
  {
    file: "runner/workshop.ts",
    from: "reserve: (id, claims) => reserveBudgets(options.redis, options.env, id, claims),",
    to: `reserve: async () => ({ refused: false, reserved: [], spent: {} }),`,
    tests: ["test/runner/budgets.test.ts"],
  },
];

const IN_THE_GATE: readonly Mutant[] = [
  {
    file: "runner/gate/admission.ts",
    from: "if (judgement.permitted) return",
    to: "return",
    tests: TOWN,
  },
  {
    file: "runner/gate/model-request.ts",
    from: "await reserve(options, await judge(options, request, ask.endpoint))",
    to: "{ ...(await judge(options, request, ask.endpoint)), permitted: true }",
    tests: TOWN,
  },
  {
    file: "runner/gate/model-request.ts",
    from: "await reserve(options, await judge(options, request, ask.endpoint))",
    to: "await judge(options, request, ask.endpoint)",
    tests: TOWN,
  },
  {
    file: "runner/gate/model-request.ts",
    from: "const answer = await options.recorder.record(",
    to: `const answer = await (async (..._: unknown[]) => ({ outcome: "appended" }))(`,
    tests: TOWN,
  },
  {
    file: "runner/gate/model-request.ts",
    from: `if (answer.outcome === "over-budget") {`,
    to: "if (false) {",
    tests: GATE,
  },
  {
    file: "runner/gate/tool-request.ts",
    from: "const judgement = await judge(options, request);",
    to: "const judgement = { ...(await judge(options, request)), permitted: true, asked: undefined };",
    tests: TOWN,
  },
  {
    file: "runner/gate/tool-request.ts",
    from: "mayAsk ? await settleApproval(options, call, tool, judgement) : unasked(judgement)",
    to: "unasked(mayAsk ? { ...judgement, permitted: true } : judgement)",
    tests: TOWN,
  },
  {
    file: "runner/gate/tool-request.ts",
    from: "await reserve(options, settled.judgement)",
    to: "settled.judgement",
    tests: TOWN,
  },
  {
    file: "runner/gate/tool-request.ts",
    from: "const answer = await options.recorder.record(drafts, change);",
    to: `const answer = { outcome: "appended" };`,
    tests: TOWN,
  },
  {
    file: "runner/gate/tool-request.ts",
    from: `if (answer.outcome !== "appended") return answer.outcome;`,
    to: "",
    tests: GATE,
  },
  {
    file: "runner/gate/tool-request.ts",
    from: "const change = { step: begins.step, charge, ...(approval === undefined ? {} : { approval }) };",
    to: "const change = { step: begins.step, charge };",
    tests: ["test/runner/approvals.test.ts"],
  },
  {
    file: "runner/gate/tool-request.ts",
    from: "if (problem !== undefined) return rejectArguments(options, call, problem);",
    to: "",
    tests: GATE,
  },
  {
    file: "runner/gate/tool-request.ts",
    from: "if (ask.repeats !== undefined) return repeatCall(options, call, ask.repeats);",
    to: "",
    tests: ["test/runner/agent/execution.test.ts", "test/runner/tool-use.test.ts"],
  },
  {
    file: "runner/gate/judge.ts",
    from: "await options.checkStops?.(request, endpoint);",
    to: "{}",
    tests: ["test/runner/stops.test.ts"],
  },
  {
    file: "runner/gate/judge.ts",
    from: `return combineVerdicts(pinned, live === "unavailable" ? unavailable() : decide(request, live));`,
    to: "return pinned;",
    tests: TOWN,
  },
  {
    file: "runner/gate/judge.ts",
    from: "const pinned = decide(request, options.policies);",
    to: `const pinned = { effect: "allow", code: "ALLOWED", reasons: [], enforced: true };`,
    tests: TOWN,
  },
  {
    file: "runner/gate/judge.ts",
    from: "await Promise.all(paths.map(async (path) => [path, await realPath(path)] as const))",
    to: "paths.map((path) => [path, path])",
    tests: ["test/runner/gate/argument-rules.test.ts"],
  },
  {
    file: "runner/gate/approvals/settle.ts",
    from: `const isSame = before.binding === binding;`,
    to: "const isSame = true;",
    tests: ["test/runner/approvals.test.ts"],
  },
  { file: "runner/gate/door.ts", from: "checkBefore(grant, signal);", to: "", nth: 0, tests: GATE },
  { file: "runner/gate/door.ts", from: "checkBefore(grant, signal);", to: "", nth: 1, tests: GATE },
  { file: "runner/gate/permit.ts", from: "permit.#grant = undefined;", to: "", nth: 0, tests: GATE },
  { file: "runner/gate/permit.ts", from: "permit.#grant = undefined;", to: "", nth: 1, tests: GATE },
];

const IN_THE_POLICIES: readonly Mutant[] = [
  "...findPolicyErrors(policies),",
  "...findModels(policies, model),",
  "...findMatchedRules(policies, request.subject, keys, target),",
  "...findPermissionErrors(relevant),",
  "...findBlockedTool(policies, tool.name),",
  "...findMatchedRules(policies, subject, keys, target),",
  "...findListing(subject, grants, tool),",
  "...findPermissions(set, subject, grants, tool, relevant),",
  "...findOperations(relevant, tool),",
  "...ungranted,",
  "...findDefaultDeny(policies, findings, model)",
  "...findDefaultDeny(policies, findings, tool.name)",
].map((from) => ({ file: "policies/decide.ts", from, to: "", tests: POLICIES }));

const MORE_POLICIES: readonly Mutant[] = [0, 1].map((nth) => ({
  file: "policies/decide.ts",
  from: "...findBudgets(policies, keys, usage, needOfRequest(request) ?? NOTHING_MORE),",
  to: "",
  nth,
  tests: POLICIES,
}));

const ORDERED: readonly Mutant[] = ["findFlow", "findSequence"].map((name) => ({
  file: "policies/decide.ts",
  from: `? ${name}(policies, request) : []`,
  to: "? [] : []",
  tests: POLICIES,
}));

export const MUTANTS: readonly Mutant[] = [
  ...AROUND_THE_GATE,
  ...IN_THE_GATE,
  ...IN_THE_POLICIES,
  ...MORE_POLICIES,
  ...ORDERED,
];

/** Where the gate is asked or asks: each such line must be part of a mutant, so that a new one is not forgotten. */
export const GATE_CALLS: Readonly<Record<string, RegExp>> = {
  "runner/attempt.ts": /gate\.\w+\(/,
  "runner/agent/try-model.ts": /gate\.request\w+\(/,
  "runner/gate/admission.ts": /judgement\.permitted/,
  "runner/gate/model-request.ts": /\b(judge|reserve)\(options|await options\.recorder\.record\($/,
  "runner/gate/tool-request.ts": /await (judge|reserve|settleApproval)\(|= await options\.recorder/,
  "runner/gate/verify.ts": /await requestTool\(/,
  "runner/gate/judge.ts": /\bdecide\(request|checkStops\?|realPath\(path\)/,
  "runner/gate/door.ts": /^ {2}checkBefore\(/,
  "policies/decide.ts": /^\s+(return )?\[?\.\.\.(find\w+\(|\(.*\? find)/,
};
