// Step 3 and 7: `rules[]` of AgentPolicies that match by tool, model, agent, operation class and arguments. A rule that
// cannot be evaluated for a call denies it, unless it is one that allows: then it allows nothing.
import { type Answer, allOf, answerOf, negate } from "../arguments/answer.ts";
import { type ArgumentCondition, type Judged, judgeAdditional, judgeConditions } from "../arguments/conditions.ts";
import { Work } from "../arguments/work.ts";
import type { CompiledPolicy, CompiledRule, Entry } from "../compiled.ts";
import { denyBy, type Finding, reasonOf } from "../finding.ts";
import { nameKey, toolKey } from "../names.ts";
import type { DenialCode, GateRequest, OperationClass, Subject } from "../request.ts";
import { hasKey, type SubjectKeys } from "../scope.ts";
import { factsOf, type Target } from "./target.ts";

export function findMatchedRules(
  policies: readonly CompiledPolicy[],
  subject: Subject,
  keys: SubjectKeys,
  target: Target,
): Finding[] {
  const rules = rulesFor(policies, keys, target);
  return [false, true].flatMap((isAudit) => {
    const work = new Work();
    const group = rules.filter(({ policy }) => policy.audit === isAudit);
    const findings = group.flatMap(({ policy, rule }) =>
      findingOf(policy, rule, target, judgeRule(rule, { subject, target, work })),
    );
    return work.isSpent() ? [...findings, ...tooMuchFor(group, target)] : findings;
  });
}

/**
 * Which rules could still be judged depends on their order, which means nothing: so where there was too much to look at,
 * it is denied. Policies in audit mode have a measure of their own, and take nothing of that of the others.
 */
function tooMuchFor([first]: readonly NamedRule[], target: Target): Finding[] {
  if (first === undefined) return [];
  const message = "there is too much to look at: its arguments are too large for the rules on them";
  return [denyBy(first.policy, codeOf(first.rule, target), first.rule.rule, message, "arguments")];
}

export interface NamedRule {
  readonly policy: CompiledPolicy;
  readonly rule: CompiledRule;
}

/** The rules that are about this target, whatever they say of the call. */
export function rulesFor(policies: readonly CompiledPolicy[], keys: SubjectKeys, target: Target): NamedRule[] {
  const key = "model" in target ? nameKey(target.model) : toolKey(target.tool.name);
  return policies.flatMap((policy) =>
    policy.rules.filter((rule) => names(rule, keys, target, key)).map((rule) => ({ policy, rule })),
  );
}

/** Whether it depends on the call itself, beyond what is called by whom. */
export function judgesCall(rule: CompiledRule): boolean {
  return rule.arguments.length + rule.must.length > 0 || rule.noOthers || rule.when !== null;
}

/** A rule that names tools and models is about both; one that names neither is about everything. */
function names(rule: CompiledRule, subject: SubjectKeys, target: Target, key: string): boolean {
  if (!allows(rule.agents, subject.agent)) return false;
  if ("model" in target) return rule.models === null ? !rule.aboutTools : hasKey(rule.models, key);
  if (!rule.aboutTools) return rule.models === null;
  return allows(rule.tools, key) && touches(rule.operationClasses, target.tool.operationClasses);
}

function allows(entries: readonly Entry[] | null, key: string): boolean {
  return entries === null || hasKey(entries, key);
}

/** A tool that names no class may do anything. */
export function touches(rule: readonly OperationClass[] | "any" | null, tool: readonly OperationClass[]): boolean {
  return rule === null || rule === "any" || tool.length === 0 || tool.some((operation) => rule.includes(operation));
}

interface RuleAnswer {
  readonly answer: Answer;
  /** The condition that decided, where one did. */
  readonly decisive: ArgumentCondition | undefined;
}

interface Judging {
  readonly subject: Subject;
  readonly target: Target;
  readonly work: Work;
}

/** Whether the rule's effect is for this call. */
function judgeRule(rule: CompiledRule, { subject, target, work }: Judging): RuleAnswer {
  if (target.open !== undefined && judgesCall(rule)) {
    return { answer: answerOf(rule.effect === "allow" && target.open === "possible"), decisive: undefined };
  }
  const { args, facts: known } = factsOf(target);
  const facts = { ...known, work };
  const matched = judgeConditions(rule.arguments, args, facts, "no");
  const when = rule.when === null ? "yes" : rule.when.holds(contextOf(subject, target), work);
  const must = judgeConditions(rule.must, args, facts, "yes");
  const others = rule.noOthers ? judgeAdditional([...rule.arguments, ...rule.must], args, facts) : "yes";
  const requires = rule.must.length > 0 || rule.noOthers;
  const broken = requires ? negate(allOf([...must.map(({ answer }) => answer), others])) : "yes";
  const answer = allOf([...matched.map((judged) => judged.answer), when, broken]);
  return { answer, decisive: findDecisive(must, matched) };
}

function findDecisive(must: readonly Judged[], matched: readonly Judged[]): ArgumentCondition | undefined {
  const broken = must.find(({ answer }) => answer === "no") ?? must.find(({ answer }) => answer === "unsure");
  return (broken ?? matched.find(({ answer }) => answer === "unsure") ?? matched[0])?.condition;
}

function contextOf(
  { agent, system, task }: Subject,
  target: Target,
): Parameters<NonNullable<CompiledRule["when"]>["holds"]>[0] {
  const { args, facts } = factsOf(target);
  const tool = "model" in target ? "" : target.tool.name;
  const classes = "model" in target ? [] : target.tool.operationClasses;
  const model = "model" in target ? target.model : "";
  return { args, tool, operation_classes: classes, model, agent, system, task, input: facts.input ?? {} };
}

function findingOf(policy: CompiledPolicy, rule: CompiledRule, target: Target, judged: RuleAnswer): Finding[] {
  const { answer } = judged;
  if (answer === "no" || (answer === "unsure" && rule.effect === "allow")) return [];
  const path = pathOf(target, judged);
  const message = messageOf(rule, target, judged);
  if (rule.effect === "deny" || answer === "unsure")
    return [denyBy(policy, codeOf(rule, target), rule.rule, message, path)];
  const reason = reasonOf(policy.address, rule.rule, message, path);
  return rule.effect === "ask"
    ? [{ effect: "ask", code: "APPROVAL_REQUIRED", policy, reason, approval: rule.approval }]
    : [{ effect: "allow", policy, reason }];
}

function codeOf(rule: CompiledRule, target: Target): DenialCode {
  if ("model" in target) return "MODEL_NOT_ALLOWED";
  const judgesArguments =
    rule.arguments.length + rule.must.length > 0 || rule.noOthers || rule.when?.aboutTools === true;
  return judgesArguments ? "TOOL_ARG_FORBIDDEN" : "TOOL_BLOCKED";
}

function pathOf(target: Target, { decisive }: RuleAnswer): string {
  if (decisive !== undefined) return `arguments.${decisive.path.text}`;
  return "model" in target ? "model" : "tool";
}

/** Never the values: they may be secret, and a rule's words are shown to everybody. */
function messageOf(rule: CompiledRule, target: Target, { answer, decisive }: RuleAnswer): string {
  const name = "model" in target ? target.model : target.tool.name;
  const said = rule.message ?? `a rule says ${rule.effect} for \`${name}\``;
  const unsure = answer === "unsure" ? "nobody can tell whether " : "";
  if (decisive !== undefined) {
    const isMust = rule.must.includes(decisive);
    const verb = unsure !== "" ? "is" : isMust ? "must be" : "is";
    return `${said}: ${unsure}\`${decisive.path.text}\` ${verb} ${decisive.matcher.text}`;
  }
  if (unsure !== "") return `${said}: its condition cannot be evaluated for this call`;
  return rule.noOthers ? `${said}: it has arguments that no rule names` : said;
}

/** The paths in a call's arguments, and folders in rules, whose real place a decision needs. In no order, each once. */
export function collectPaths(
  policies: readonly CompiledPolicy[],
  keys: SubjectKeys,
  request: Extract<GateRequest, { point: "before_tool" }>,
): string[] {
  const wanted = new Set<string>();
  const facts = {
    work: new Work(),
    input: request.input,
    realPath: (path: string): undefined => {
      wanted.add(path);
    },
  };
  const target: Target = { tool: request.tool, args: request.arguments, facts };
  for (const { rules } of policies) {
    for (const rule of rules) {
      if (!names(rule, keys, target, toolKey(request.tool.name))) continue;
      judgeConditions([...rule.arguments, ...rule.must], request.arguments, facts, "yes");
    }
  }
  return [...wanted];
}
