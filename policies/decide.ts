// The gate's brain: one pure and total function from a request and a set of policies to a verdict. The order of the
// steps and the codes are SEMANTICS.md's; each family of rules has its file in policies/rules/.
import { isGateRequest } from "./check-request.ts";
import type { CompiledPolicy } from "./compiled.ts";
import type { Finding } from "./finding.ts";
import type { PolicySet } from "./policy-set.ts";
import type { GateRequest, Subject, ToolFacts, Verdict } from "./request.ts";
import { findBlockedTool } from "./rules/blocked-tools.ts";
import { findBudgets, NOTHING_MORE, needOfRequest } from "./rules/budgets.ts";
import { findDefaultDeny, findUngranted } from "./rules/defaults.ts";
import { findEgress } from "./rules/egress.ts";
import { findPolicyErrors } from "./rules/errors.ts";
import { findFlow, findReading, readingRulesFor } from "./rules/flow.ts";
import { findListing } from "./rules/listing.ts";
import { collectPaths, findMatchedRules } from "./rules/matched-rules.ts";
import { findModels } from "./rules/models.ts";
import { findOperations, findPermissionErrors } from "./rules/operations.ts";
import { findPermissions, relevantPermissions } from "./rules/permissions.ts";
import { findSecrets, findSecretUse } from "./rules/secrets.ts";
import { findSequence, sequenceRulesFor } from "./rules/sequence.ts";
import { type Target, toolTarget } from "./rules/target.ts";
import { agentAddress, appliesTo, type SubjectKeys, subjectKeys } from "./scope.ts";
import { makeVerdict } from "./verdict.ts";

/** Never throws. A request that is none, and any failure in here, is a denial with POLICY_ERROR. */
export function decide(request: GateRequest, set: PolicySet): Verdict {
  return judge(request, set, (keys, policies) => findAtPoint(request, keys, set, policies));
}

/** What can be asked before the call is known: its arguments are not looked at. */
export type OpenRequest = BeforeModel | BeforeTool;

/**
 * Whether there may be a call that is allowed: {@link decide} with the rules left out that depend on the call itself. Where
 * such a rule allows, a call is `possible`, and not `certain`. What those rules say is for `boundsOf`.
 */
export function decideOpen(request: OpenRequest, set: PolicySet, open: NonNullable<Target["open"]>): Verdict {
  return judge(request, set, (keys, policies) =>
    request.point === "before_tool"
      ? findBeforeTool(request, keys, set, policies, { ...toolTarget(request), open })
      : findBeforeModel(request, keys, policies, { model: request.model, open }),
  );
}

function judge(
  request: GateRequest,
  set: PolicySet,
  find: (keys: SubjectKeys, policies: readonly CompiledPolicy[]) => readonly Finding[],
): Verdict {
  try {
    if (!isGateRequest(request)) return policyError("the request has not the shape of a request to the gate");
    const keys = subjectKeys(request.subject);
    const policies = set.policies.filter((policy) => appliesTo(policy, keys));
    return makeVerdict([...findPolicyErrors(policies), ...find(keys, policies)], policies);
  } catch {
    return policyError("the evaluation failed, which is a fault of Countwheel");
  }
}

/** The paths whose real place `decide` needs to know for this call (`realPaths`): for whoever can look. */
export function pathsToResolve(request: GateRequest, set: PolicySet): string[] {
  if (request.point !== "before_tool") return [];
  const keys = subjectKeys(request.subject);
  return collectPaths(
    set.policies.filter((policy) => appliesTo(policy, keys)),
    keys,
    request,
  );
}

/** Whether `decide` needs to know what was called before in the task (`history`): for whoever can look. */
export function needsHistory(request: GateRequest, set: PolicySet): boolean {
  if (request.point !== "before_tool") return false;
  const { tool, subject } = request;
  const rules = set.policies.filter((policy) => sequenceRulesFor(policy, tool).length > 0);
  if (rules.length === 0) return false;
  const keys = subjectKeys(subject);
  return rules.some((policy) => appliesTo(policy, keys));
}

/** Whether anything can be said against what a call came to: where nothing can, nobody needs to ask. */
export function saysAfter(point: "after_model" | "after_tool", subject: Subject, set: PolicySet): boolean {
  const asked = set.policies.filter(({ limits, flow }) => (point === "after_model" ? limits : flow).length > 0);
  if (asked.length === 0) return false;
  const keys = subjectKeys(subject);
  return asked.some(
    (policy) => appliesTo(policy, keys) && (point === "after_model" || readingRulesFor(policy, keys).length > 0),
  );
}

function findAtPoint(
  request: GateRequest,
  keys: SubjectKeys,
  set: PolicySet,
  policies: readonly CompiledPolicy[],
): Finding[] {
  switch (request.point) {
    case "before_model":
      return findBeforeModel(request, keys, policies, { model: request.model });
    case "before_tool":
      return findBeforeTool(request, keys, set, policies, toolTarget(request));
    case "secret_use":
      return [
        ...findSecretUse(request.subject, request.secret, request.grantedBy),
        ...findSecrets(policies, { secrets: [request.secret] }),
      ];
    case "after_model":
      return findBudgets(policies, keys, request.usage, NOTHING_MORE);
    case "after_tool":
      return findReading(policies, keys, request.carried);
    case "task_admission":
      return [
        ...findReading(policies, keys, request.carried),
        ...findEgress(policies, "the agent's server", request.uses),
        ...findSecrets(policies, request.uses),
      ];
  }
}

type BeforeModel = Extract<GateRequest, { point: "before_model" }>;
type BeforeTool = Extract<GateRequest, { point: "before_tool" }>;

function findBeforeModel(
  request: BeforeModel,
  keys: SubjectKeys,
  policies: readonly CompiledPolicy[],
  target: Target,
): Finding[] {
  const { model, usage, uses } = request;
  const findings = [
    ...findModels(policies, model),
    ...findEgress(policies, `\`${model}\``, uses),
    ...findSecrets(policies, uses),
    ...findMatchedRules(policies, request.subject, keys, target),
    ...findBudgets(policies, keys, usage, needOfRequest(request) ?? NOTHING_MORE),
  ];
  return [...findings, ...findDefaultDeny(policies, findings, model)];
}

function findBeforeTool(
  request: BeforeTool,
  keys: SubjectKeys,
  set: PolicySet,
  policies: readonly CompiledPolicy[],
  target: Target,
): Finding[] {
  const { subject, grants, tool, usage } = request;
  const relevant = relevantPermissions(set, keys, tool);
  const findings = [
    ...findPermissionErrors(relevant),
    ...findBlockedTool(policies, tool.name),
    ...findMatchedRules(policies, subject, keys, target),
    // Of a call that is not known yet it may not be known either what comes before it.
    ...(target.open === undefined || request.carried !== undefined ? findFlow(policies, keys, request) : []),
    ...(target.open === undefined || request.history !== undefined ? findSequence(policies, request) : []),
    ...findEgress(policies, `\`${tool.name}\``, tool.data, target.open === undefined ? request.arguments : undefined),
    ...findSecrets(policies, tool.data),
    ...findBudgets(policies, keys, usage, needOfRequest(request) ?? NOTHING_MORE),
    ...findListing(subject, grants, tool),
    ...findPermissions(set, subject, grants, tool, relevant),
    ...findOperations(relevant, tool),
  ];
  const ungranted = findUngranted(set, subject, grants, tool, findings);
  return explained([...findings, ...ungranted, ...findDefaultDeny(policies, findings, tool.name)], request, tool);
}

/** An allow says why, also on the simple path. */
function explained(findings: readonly Finding[], { subject }: BeforeTool, tool: ToolFacts): Finding[] {
  if (findings.length > 0) return [...findings];
  const message = `the agent lists \`${tool.name}\`, and nothing forbids it`;
  return [{ effect: "allow", reason: { policy: agentAddress(subject), rule: "spec.tools", message } }];
}

function policyError(message: string): Verdict {
  const reasons = [{ policy: "", rule: "", message, code: "POLICY_ERROR" as const }];
  return { effect: "deny", code: "POLICY_ERROR", reasons, enforced: true, onViolation: "stop" };
}
