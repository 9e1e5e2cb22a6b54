// What bounds the calls that an agent may make, in words: the rules and budgets in scope whose answer depends on the call
// or on what was spent. Made of the compiled rules that `decide` judges by, and by its matching of names.
import type { ArgumentCondition } from "./arguments/conditions.ts";
import type { CompiledPolicy, CompiledRule } from "./compiled.ts";
import { decideOpen, type OpenRequest } from "./decide.ts";
import { limitText, needOf } from "./limit.ts";
import type { PolicySet } from "./policy-set.ts";
import { flowRulesFor, readingRulesFor } from "./rules/flow.ts";
import { judgesCall, rulesFor } from "./rules/matched-rules.ts";
import { sequenceRulesFor } from "./rules/sequence.ts";
import { type Target, toolTarget } from "./rules/target.ts";
import { appliesTo, type SubjectKeys, subjectKeys } from "./scope.ts";

export interface Bound {
  /**
   * `deny` and `ask` take calls away or hold them up, `allow` is what calls are possible at all under a `default: deny`,
   * `budget` ends them.
   */
  readonly effect: "deny" | "ask" | "allow" | "budget";
  readonly text: string;
  readonly policy: string;
  readonly rule: string;
  /** Of a budget: which of two is the smaller one. */
  readonly limit?: number;
  /** It depends on what came before the call, and not on the call itself. */
  readonly past?: true;
  /** False: the policy is in audit mode, and only records what it would say. */
  readonly enforced: boolean;
}

/** In the order of policies and rules, which is that of addresses and places. */
export function boundsOf(request: OpenRequest, set: PolicySet): Bound[] {
  const keys = subjectKeys(request.subject);
  const policies = set.policies.filter((policy) => appliesTo(policy, keys));
  const target: Target = request.point === "before_tool" ? toolTarget(request) : { model: request.model };
  const judging = rulesFor(policies, keys, target).filter(({ rule }) => judgesCall(rule));
  // Asked only where it matters: hardly any policy allows.
  const allowsCount =
    judging.some(({ rule }) => rule.effect === "allow") && decideOpen(request, set, "certain").effect === "deny";
  const rules = judging.filter(({ rule }) => rule.effect !== "allow" || allowsCount);
  return [
    ...rules.map(({ policy, rule }) => boundBy(policy, rule.effect, rule.rule, textOf(rule))),
    ...policies.flatMap((policy) => [
      ...flowOf(policy, keys, request),
      ...sequenceOf(policy, request),
      ...egressOf(policy, request),
    ]),
    ...policies.flatMap((policy) => budgetsOf(policy, request)),
  ];
}

function boundBy(policy: CompiledPolicy, effect: Bound["effect"], rule: string, text: string): Bound {
  return { effect, text, policy: policy.address, rule, enforced: !policy.audit };
}

function textOf(rule: CompiledRule): string {
  const where = [...rule.arguments.map(isText), ...(rule.when === null ? [] : [`\`${rule.when.text}\``])].join(" and ");
  const others = rule.noOthers ? [othersText(rule)] : [];
  const wanted = [...rule.must.map(mustText), ...others].join(", ");
  switch (rule.effect) {
    case "deny":
      if (wanted === "") return `never where ${where}`;
      return where === "" ? wanted : `where ${where}: ${wanted}`;
    case "ask":
      return `asks first${where === "" ? "" : ` where ${where}`}${wanted === "" ? "" : ` unless ${[...rule.must.map(isText), ...others].join(" and ")}`}`;
    case "allow":
      return `allowed where ${where === "" ? wanted : where}`;
  }
}

function isText({ path, matcher }: ArgumentCondition): string {
  return `\`${path.text}\` is ${matcher.text}`;
}

function mustText({ path, matcher }: ArgumentCondition): string {
  return `\`${path.text}\` must be ${matcher.text}${matcher.optional ? ", where it is given" : ""}`;
}

function othersText({ arguments: matched, must }: CompiledRule): string {
  const named = new Set([...matched, ...must].map(({ path }) => `\`${path.segments[0] ?? path.text}\``));
  return named.size === 0 ? "no arguments" : `no arguments but ${[...named].join(", ")}`;
}

function flowOf(policy: CompiledPolicy, keys: SubjectKeys, request: OpenRequest): Bound[] {
  if (request.point !== "before_tool") return [];
  const reading = readingRulesFor(policy, keys).map(({ rule, data }) => ({
    ...boundBy(policy, "deny", rule, `what it returns is withheld once it comes to data labelled ${namesOf(data)}`),
    past: true as const,
  }));
  const calls = flowRulesFor(policy, keys, request.tool).map(({ rule, data, declassify }) => {
    const read = `data labelled ${namesOf(data)} was read`;
    const text = declassify === null ? `never once ${read}` : `asks first once ${read}`;
    return { ...boundBy(policy, declassify === null ? "deny" : "ask", rule, text), past: true as const };
  });
  return [...calls, ...reading];
}

function sequenceOf(policy: CompiledPolicy, request: OpenRequest): Bound[] {
  if (request.point !== "before_tool") return [];
  return sequenceRulesFor(policy, request.tool).flatMap(({ rule, requiresBefore, notAfter }) =>
    [
      ...requiresBefore.map(({ text }) => `only after \`${text}\` has succeeded`),
      ...notAfter.map(({ text }) => `never after \`${text}\` was called`),
    ].map((text) => ({ ...boundBy(policy, "deny", rule, text), past: true as const })),
  );
}

/** Of calls whose arguments say where they lead; of all others it is known whether they may be made. */
function egressOf(policy: CompiledPolicy, request: OpenRequest): Bound[] {
  const paths = request.point === "before_tool" ? (request.tool.data?.urlArguments ?? []) : [];
  if (policy.egress === null || paths.length === 0) return [];
  return [boundBy(policy, "deny", "spec.egress", `${namesOf(paths)} must be ${policy.egress.text}`)];
}

function namesOf(labels: readonly string[]): string {
  return labels.map((label) => `\`${label}\``).join(" and ");
}

function budgetsOf(policy: CompiledPolicy, request: OpenRequest): Bound[] {
  const need = { tokens: 0, microUsd: 0, steps: 1, tool: request.point === "before_tool" ? request.tool.name : null };
  return policy.limits
    .filter((limit) => needOf(limit, need) !== undefined)
    .map((limit) => ({ ...boundBy(policy, "budget", limit.rule, limitText(limit)), limit: limit.amount }));
}
