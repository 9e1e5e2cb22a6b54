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
    from: "budgets: { look: (claims) => lookAtBudgets(options.redis, options.env, claims) },",
    to: "",
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
    from: "const judgement = await judge(options, request, ask.endpoint);",
    to: "const judgement = { ...(await judge(options, request, ask.endpoint)), permitted: true, asked: undefined };",
    tests: TOWN,
  },
  {
    file: "runner/gate/model-request.ts",
    from: `begun.outcome === "refused" ? refuseTurn(options, turn, begun.judgement) : begun`,
    to: "begun",
    tests: TOWN,
  },
  {
    file: "runner/gate/model-request.ts",
    from: "asks ? await settleApproval(options, askingOf(options, turn), judgement) : unasked(judgement)",
    to: "unasked(asks ? { ...judgement, permitted: true } : judgement)",
    tests: TOWN,
  },
  {
    file: "runner/gate/model-request.ts",
    from: "...(shares === undefined ? {} : { shared: shares }),",
    to: "",
    tests: ["test/runner/budgets.test.ts"],
  },
  {
    file: "runner/gate/model-request.ts",
    from: "...(approval === undefined ? {} : { approval }),",
    to: "",
    tests: ["test/runner/model-approvals.test.ts"],
  },
  {
    file: "runner/gate/model-request.ts",
    from: "const answer = await options.recorder.record(",
    to: `const answer = await (async (..._: unknown[]) => ({ outcome: "appended" }))(`,
    tests: TOWN,
  },
  {
    file: "runner/gate/model-request.ts",
    from: `if (answer.outcome !== "appended") return answer;`,
    to: "",
    tests: GATE,
  },
  {
    file: "runner/gate/share.ts",
    from: `if (!second.permitted) return { outcome: "refused", judgement: second };`,
    to: "",
    tests: ["test/runner/budgets.test.ts"],
  },
  {
    file: "runner/gate/share.ts",
    from: `if (!first.permitted) return { outcome: "refused", judgement: first };`,
    to: "",
    tests: ["test/runner/gate/share.test.ts"],
  },
  {
    file: "runner/gate/model-effect.ts",
    from: "...settlementOf(reservation, { tokens: inputTokens + outputTokens, microUsd: microUsdOf(cost) }),",
    to: "",
    tests: ["test/runner/budgets.test.ts"],
  },
  {
    file: "runner/gate/tool-request.ts",
    from: "const judgement = await judge(options, request);",
    to: "const judgement = { ...(await judge(options, request)), permitted: true, asked: undefined };",
    tests: TOWN,
  },
  {
    file: "runner/gate/tool-request.ts",
    from: "asks ? await settleApproval(options, askingOf(options, call, tool), judgement) : unasked(judgement)",
    to: "unasked(asks ? { ...judgement, permitted: true } : judgement)",
    tests: TOWN,
  },
  {
    file: "runner/gate/tool-request.ts",
    from: "...(shares === undefined ? {} : { shared: shares }),",
    to: "",
    tests: TOWN,
  },
  {
    file: "runner/gate/tool-request.ts",
    from: "const answer = await options.recorder.record(",
    to: `const answer = await (async (..._: unknown[]) => ({ outcome: "appended" }))(`,
    tests: TOWN,
  },
  {
    file: "runner/gate/tool-request.ts",
    from: `if (answer.outcome !== "appended") return answer;`,
    to: "",
    tests: GATE,
  },
  {
    file: "runner/gate/tool-request.ts",
    from: "...(approval === undefined ? {} : { approval }),",
    to: "",
    nth: 0,
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
  {
    file: "runner/gate/approvals/settle.ts",
    from: "if (spent !== undefined) return",
    to: "if (false) return",
    tests: ["test/runner/model-approvals.test.ts"],
  },
  {
    file: "runner/approval-book.ts",
    from: `phase === "Used" && binding === wanted && !isOver`,
    to: `phase === "Used" && !isOver`,
    tests: ["test/runner/model-approvals.test.ts"],
  },
  {
    file: "runner/approval-book.ts",
    from: `phase === "Used" && binding === wanted && !isOver`,
    to: `phase === "Used" && binding === wanted`,
    tests: ["test/runner/model-approvals.test.ts"],
  },
  {
    file: "store/scripts/append.ts",
    from: "tonumber(redis.call('HGET', approvals, approval .. '/until')) <= now",
    to: "false",
    tests: ["test/store/approval-use.test.ts"],
  },
  {
    file: "runner/agent/try-model.ts",
    from: `if (permission.outcome !== "permitted") {`,
    to: `if (permission.outcome === "denied") {`,
    tests: ["test/runner/model-approvals.test.ts"],
  },
  { file: "runner/gate/door.ts", from: "checkBefore(grant, signal);", to: "", nth: 0, tests: GATE },
  { file: "runner/gate/door.ts", from: "checkBefore(grant, signal);", to: "", nth: 1, tests: GATE },
  { file: "runner/gate/permit.ts", from: "permit.#grant = undefined;", to: "", nth: 0, tests: GATE },
  { file: "runner/gate/permit.ts", from: "permit.#grant = undefined;", to: "", nth: 1, tests: GATE },
];

const AFTER = ["test/runner/gate/after.test.ts"];
const FLOW = ["test/runner/gate/flow.test.ts", "test/runner/flow.test.ts"];
const EGRESS = ["test/runner/egress.test.ts"];

const BEHIND_CALLS: readonly Mutant[] = [
  {
    file: "runner/agent/turn.ts",
    from: "await desk.gate.afterModel({ turn, model: taken.answer.model })",
    to: "undefined",
    tests: EGRESS,
  },
  { file: "runner/agent/tool-turn.ts", from: "await desk.gate.afterTool(place)", to: "undefined", tests: EGRESS },
  {
    file: "runner/gate/after.ts",
    from: `await judge(options, { point: "after_model", subject, model, usage: usageOf(options) })`,
    to: `{ decision: { effect: "allow" } }`,
    tests: AFTER,
  },
  {
    file: "runner/gate/after.ts",
    from: "const judgement = await judge(options, request);",
    to: "return undefined;",
    tests: AFTER,
  },
  {
    file: "runner/gate/guards.ts",
    from: "const judgement = await judge(options, request);",
    to: "return;",
    tests: AFTER,
  },
  {
    file: "runner/secrets/guard-secrets.ts",
    from: "if (name !== undefined) await guards.useSecret(name, neededBy);",
    to: "",
    tests: AFTER,
  },
  { file: "runner/workshop.ts", from: "guardSecrets(known, guards, hasSecret)", to: "known", tests: EGRESS },
  { file: "runner/tools/open-servers.ts", from: "await admit?.(server, reach);", to: "", tests: EGRESS },
  { file: "runner/gate/tool-effect.ts", from: "grant.carried.add(labels);", to: "", nth: 0, tests: FLOW },
  { file: "runner/gate/tool-effect.ts", from: "grant.carried.add(labels);", to: "", nth: 1, tests: FLOW },
  {
    file: "runner/gate/judge.ts",
    from: "...withLabels(carried.list()),",
    to: "",
    tests: FLOW,
  },
  {
    file: "runner/gate/judge.ts",
    from: "...(wanted ? { history: await history() } : {}),",
    to: "",
    tests: FLOW,
  },
];

const IN_THE_POLICIES: readonly Mutant[] = [
  "...findPolicyErrors(policies),",
  "...findModels(policies, model),",
  "...findSecretUse(request.subject, request.secret, request.grantedBy),",
  "...findSecrets(policies, { secrets: [request.secret] }),",
  "...findReading(policies, keys, request.carried),",
  `...findEgress(policies, "the agent's server", request.uses),`,
  "...findSecrets(policies, request.uses),",
  "...findEgress(policies, `\\`${model}\\``, uses),",
  "...findSecrets(policies, uses),",
  "...findEgress(policies, `\\`${tool.name}\\``, tool.data, target.open === undefined ? request.arguments : undefined),",
  "...findSecrets(policies, tool.data),",
  "...(target.open === undefined || request.carried !== undefined ? findFlow(policies, keys, request) : []),",
  "...(target.open === undefined || request.history !== undefined ? findSequence(policies, request) : []),",
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

const RETURNED: readonly Mutant[] = [
  "return findReading(policies, keys, request.carried);",
  "return findBudgets(policies, keys, request.usage, NOTHING_MORE);",
].map((from) => ({ file: "policies/decide.ts", from, to: "return [];", tests: POLICIES }));

const MORE_POLICIES: readonly Mutant[] = [0, 1].map((nth) => ({
  file: "policies/decide.ts",
  from: "...findBudgets(policies, keys, usage, needOfRequest(request) ?? NOTHING_MORE),",
  to: "",
  nth,
  tests: POLICIES,
}));

export const MUTANTS: readonly Mutant[] = [
  ...AROUND_THE_GATE,
  ...IN_THE_GATE,
  ...BEHIND_CALLS,
  ...IN_THE_POLICIES,
  ...RETURNED,
  ...MORE_POLICIES,
];

/** Where the gate is asked or asks: each such line must be part of a mutant, so that a new one is not forgotten. */
export const GATE_CALLS: Readonly<Record<string, RegExp>> = {
  "runner/attempt.ts": /gate\.\w+\(/,
  "runner/agent/try-model.ts": /gate\.request\w+\(/,
  "runner/agent/turn.ts": /gate\.after\w+\(/,
  "runner/agent/tool-turn.ts": /gate\.after\w+\(/,
  "runner/gate/after.ts": /await judge\(/,
  "runner/gate/guards.ts": /await judge\(/,
  "runner/secrets/guard-secrets.ts": /guards\.\w+\(/,
  "runner/tools/open-servers.ts": /admit\?\./,
  "runner/gate/admission.ts": /judgement\.permitted/,
  "runner/gate/model-request.ts": /await (judge|reserve|settleApproval)\(|= await options\.recorder\.record\($/,
  "runner/gate/tool-request.ts": /await (judge|reserve|settleApproval)\(|= await options\.recorder/,
  "runner/gate/verify.ts": /await requestTool\(/,
  "runner/gate/judge.ts": /\bdecide\(request|checkStops\?|realPath\(path\)/,
  "runner/gate/door.ts": /^ {2}checkBefore\(/,
  "policies/decide.ts": /^\s+(return )?\[?\.\.\.(find\w+\(|\(.*\? find)/,
};
