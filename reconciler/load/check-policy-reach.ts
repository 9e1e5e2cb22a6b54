// Rules of AgentPolicies that each of their parts would let hold, but never all of them: tools that are of other classes,
// agents out of the policy's scope, calls that have to come before themselves. And names that `when:` compares with.

import type { KindName } from "../../contracts/address.ts";
import { isArtifactTool } from "../../contracts/artifact-tool.ts";
import type { AgentPolicySpec } from "../../contracts/kinds/agent-policy.ts";
import { specOf } from "../../contracts/kinds.ts";
import { MANIFEST_LIMITS } from "../../contracts/limits.ts";
import { memoryOperation } from "../../contracts/memory-tools.ts";
import type { Problem, ProblemCode } from "../../contracts/problem.ts";
import { declaredClasses } from "../../contracts/tool-facts.ts";
import { type ComparedName, comparedNames } from "../../policies/expression/compared-names.ts";
import { compilePattern, matchesPattern, nameKey, scopedKey, toolKey } from "../../policies/names.ts";
import type { Declaration, Declared } from "./declared.ts";
import { quote } from "./finding.ts";
import { declaredTools } from "./judged-tools.ts";

export function checkPolicyReach(declaration: Declaration, declared: Declared): Problem[] {
  const spec = specOf(declaration.manifest, "AgentPolicy");
  if (spec === undefined) return [];
  const found = [
    ...(spec.rules ?? []).flatMap((rule, index) => {
      const at = `/spec/rules/${index}`;
      return [
        ...otherTools(`${at}/match`, rule.match ?? {}, declaration, declared),
        ...strangeNames(`${at}/when`, rule.when, declaration, declared),
      ];
    }),
    ...(spec.flow ?? []).flatMap(({ to }, index) => otherTools(`/spec/flow/${index}/to`, to, declaration, declared)),
    ...outOfScope(spec, declaration, declared),
    ...(spec.sequence ?? []).flatMap(beforeItself),
  ];
  return found.slice(0, MANIFEST_LIMITS.problemsPerDocument).map((finding) => problemOf(declaration, finding));
}

interface Finding {
  readonly pointer: string;
  readonly what: string;
  readonly detail: string;
  readonly code?: ProblemCode;
}

interface ToolMatch {
  readonly tools?: readonly string[];
  readonly operation_classes?: readonly string[];
  readonly sends_to?: readonly string[];
}

/** Of tools of servers nobody knows here what they are. */
function otherTools(pointer: string, match: ToolMatch, from: Declaration, declared: Declared): Finding[] {
  const { tools = [], operation_classes: classes, sends_to: labels } = match;
  const specs = declaredTools(tools, from, declared).flatMap(({ manifest }) => specOf(manifest, "Tool") ?? []);
  if (specs.length === 0 || specs.length < new Set(tools).size || specs.some(({ type }) => type === "mcp")) return [];
  const own = new Set(specs.flatMap((spec) => declaredClasses(spec)));
  const sent = specs.flatMap((spec) => spec.sends_to ?? []).map(nameKey);
  const wanted = (labels ?? []).map((label) => compilePattern(nameKey(label)));
  const isOther =
    classes !== undefined && classes.length > 0 && !classes.some((name) => name === "*" || isAmong(own, name));
  const isUnsent = labels !== undefined && !wanted.some((label) => sent.some((one) => matchesPattern(label, one)));
  return [
    ...(isOther ? [tell(`${pointer}/operation_classes`, `${list(own)} is all that its tools are`)] : []),
    ...(isUnsent ? [tell(`${pointer}/sends_to`, "none of its tools sends there")] : []),
  ];
}

function isAmong(names: ReadonlySet<string>, name: string): boolean {
  return names.has(name.trim().toLowerCase());
}

function list(names: Iterable<string>): string {
  return [...names].map((name) => `\`${name}\``).join(", ");
}

function tell(pointer: string, why: string): Finding {
  return { pointer, what: `has a rule that never holds: ${why}`, detail: "" };
}

const KINDS: Readonly<Record<ComparedName["variable"], KindName>> = {
  agent: "Agent",
  system: "AgentSystem",
  model: "ModelEndpoint",
  tool: "Tool",
};

function strangeNames(pointer: string, when: string | undefined, from: Declaration, declared: Declared): Finding[] {
  if (when === undefined) return [];
  return comparedNames(when).flatMap((name): Finding[] => {
    if (isKnown(name, declared)) return [];
    const { variable, text } = name;
    const near = variable === "model" ? declared.nearModel(text) : nearName(name, from, declared);
    const hint = near === undefined ? "" : ` Did you mean ${quote(near)}?`;
    const what = `compares \`${variable}\` with ${quote(text)}, which no ${KINDS[variable]} ${variable === "model" ? "has" : "is called"}`;
    return [{ pointer, what, detail: `CEL compares names letter by letter.${hint}`, code: "DANGLING_REFERENCE" }];
  });
}

function nearName({ variable, text }: ComparedName, { manifest }: Declaration, declared: Declared): string | undefined {
  return declared.near(KINDS[variable], manifest.metadata.namespace, text)?.manifest.metadata.name;
}

function isKnown({ variable, text }: ComparedName, declared: Declared): boolean {
  if (variable === "model") return declared.hasModel(text);
  const name = text.slice(text.lastIndexOf("/") + 1);
  if (declared.hasName(KINDS[variable], name)) return true;
  // What servers call their tools is known once they run.
  return variable === "tool" && (name.includes("--") || memoryOperation(name) !== undefined || isArtifactTool(name));
}

function outOfScope(spec: AgentPolicySpec, from: Declaration, declared: Declared): Finding[] {
  const { namespace } = from.manifest.metadata;
  const key = (name: string): string => scopedKey(namespace, name);
  const inSystems = agentsOfSystems(spec, namespace, declared);
  const targets = spec.target_agents?.map(key);
  const isNobody =
    targets !== undefined && targets.length > 0 && inSystems !== undefined && areApart(targets, inSystems);
  const why = "none of its `target_agents` is in its `target_systems`";
  if (isNobody) return [{ pointer: "/spec/target_agents", what: `holds for nothing: ${why}`, detail: "" }];
  const reached = targets !== undefined && targets.length > 0 ? targets : inSystems;
  return (spec.rules ?? []).flatMap(({ match }, index) => {
    const agents = match?.agents?.map(key) ?? [];
    if (agents.length === 0 || reached === undefined || !areApart(agents, reached)) return [];
    return [tell(`/spec/rules/${index}/match/agents`, "the policy is about none of its agents")];
  });
}

/** undefined: the policy is about more than systems, or nobody knows of one. */
function agentsOfSystems(spec: AgentPolicySpec, from: string, declared: Declared): readonly string[] | undefined {
  const systems = spec.target_systems ?? [];
  if (spec.apply_mode === "global" || systems.length === 0 || (spec.target_tasks ?? []).length > 0) return undefined;
  const lists = systems.map((name) => {
    const [namespace = "", own = ""] = name.includes("/") ? name.split("/") : [from, name];
    const system = declared.read("AgentSystem", namespace, own);
    const agents = system === undefined ? undefined : specOf(system.manifest, "AgentSystem")?.agents;
    return agents?.map((agent) => scopedKey(namespace, agent));
  });
  return lists.every((agents) => agents !== undefined) ? lists.flat() : undefined;
}

function areApart(some: readonly string[], others: readonly string[]): boolean {
  if ([...some, ...others].some((name) => name.includes("*"))) return false;
  return !some.some((name) => others.includes(name));
}

function beforeItself(
  { tools, requires_before: before = [] }: NonNullable<AgentPolicySpec["sequence"]>[number],
  index: number,
): Finding[] {
  const keys = before.map(toolKey);
  return tools.flatMap((tool, at): Finding[] => {
    if (!keys.includes(toolKey(tool))) return [];
    const what = `wants ${quote(tool)} before itself, so it can never be called`;
    return [{ pointer: `/spec/sequence/${index}/tools/${at}`, what, detail: "Take it out of one of the two lists." }];
  });
}

function problemOf({ manifest, locate }: Declaration, { pointer, what, detail, code = "SCHEMA" }: Finding): Problem {
  return {
    severity: "warning",
    code,
    summary: `AgentPolicy ${quote(manifest.metadata.name)} ${what}`,
    detail,
    address: `${manifest.kind}/${manifest.metadata.namespace}/${manifest.metadata.name}`,
    ...locate(pointer),
  };
}
