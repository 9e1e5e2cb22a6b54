// `when:` of rules of AgentPolicies, judged by the types of what it is about: a condition that no call can meet silently
// never holds, and one that cannot be evaluated denies every call.
import { specOf } from "../../contracts/kinds.ts";
import { MANIFEST_LIMITS } from "../../contracts/limits.ts";
import type { Problem } from "../../contracts/problem.ts";
import { ANY_TOOL, type JudgedTool, typeCheckOf } from "../../policies/expression/type-check.ts";
import type { TypesChecked } from "../../policies/expression/types/check-types.ts";
import type { Misuse } from "../../policies/expression/types/misuse.ts";
import type { Declaration, Declared } from "./declared.ts";
import { quote } from "./finding.ts";
import { missingArgument, type NamedTool, toolsNamed } from "./judged-tools.ts";
import { nearMatch } from "./near-match.ts";

/**
 * Of conditions with tools, in one policy: each takes up to some tenths of a millisecond, and nothing yields in between.
 * Nobody writes as many by hand.
 */
const MAX_CHECKS = 100;

export function checkPolicyConditions(declaration: Declaration, declared: Declared): Problem[] {
  const rules = specOf(declaration.manifest, "AgentPolicy")?.rules ?? [];
  const problems: Problem[] = [];
  let left = MAX_CHECKS;
  for (const [index, { when, match }] of rules.entries()) {
    if (when === undefined || left <= 0) continue;
    const names = [...new Set(match?.tools)].slice(0, left);
    const condition = { declaration, when, pointer: `/spec/rules/${index}/when` };
    problems.push(...conditionProblems(condition, names, declared));
    left -= names.length + 1;
  }
  return problems.slice(0, MANIFEST_LIMITS.problemsPerDocument);
}

interface Condition {
  readonly declaration: Declaration;
  readonly when: string;
  readonly pointer: string;
}

/** What is wrong whatever the tool is told once. */
function conditionProblems(condition: Condition, names: readonly string[], declared: Declared): Problem[] {
  const check = typeCheckOf(condition.when);
  if (check === undefined) return [];
  const always = check(ANY_TOOL);
  if (always.misuses.length > 0) return always.misuses.map((misuse) => unfit(condition, misuse, undefined));
  const tools = toolsNamed(names, condition.declaration, declared);
  const checked = tools.map((tool) => ({ tool, ...check(judgedTool(tool)) }));
  const found = checked.flatMap(({ tool, misuses }) => misuses.map((misuse) => misused(condition, misuse, tool)));
  const isWhole = names.length > 0 && tools.length === names.length;
  return [...found, ...(isNever(always, isWhole ? checked : []) ? [neverHolds(condition)] : [])];
}

export function judgedTool({ owner, inputSchema }: NamedTool): JudgedTool {
  const { namespace, name } = owner.manifest.metadata;
  return { names: [name, `${namespace}/${name}`], inputSchema };
}

function isNever(always: TypesChecked, checked: readonly TypesChecked[]): boolean {
  return always.never || (checked.length > 0 && checked.every(({ never }) => never));
}

function misused(condition: Condition, misuse: Misuse, tool: NamedTool): Problem {
  if (misuse.field === undefined || misuse.near === undefined) return unfit(condition, misuse, tool);
  const { word, candidates } = misuse.near;
  const text = misuse.field.replace(/^args\./, "");
  return missingArgument(condition.declaration, tool, { pointer: condition.pointer, text, name: word, candidates });
}

function unfit(condition: Condition, { text, why, hint, near }: Misuse, tool: NamedTool | undefined): Problem {
  const related = tool?.owner.locate("/spec/input_schema");
  const calls = tool === undefined ? "calls" : `calls of Tool ${quote(tool.owner.manifest.metadata.name)}`;
  const meant = near === undefined ? undefined : nearMatch(near.word, near.candidates);
  const parts = [
    hint,
    ...(meant === undefined ? [] : [`Did you mean ${quote(meant)}?`]),
    ...(related === undefined
      ? []
      : [`Its arguments are declared at ${related.file}:${related.line}:${related.column}.`]),
  ];
  return {
    ...problemOf(condition, `cannot judge ${calls} by ${quote(text)}: ${why}`, "error"),
    detail: parts.filter((part) => part !== "").join(" "),
    ...(related === undefined ? {} : { related }),
  };
}

function neverHolds(condition: Condition): Problem {
  return problemOf(condition, "has a condition that never holds for the tools that its rule is about", "warning");
}

function problemOf(
  { declaration: { manifest, locate }, pointer }: Condition,
  what: string,
  severity: Problem["severity"],
): Problem {
  return {
    severity,
    code: "SCHEMA",
    summary: `AgentPolicy ${quote(manifest.metadata.name)} ${what}`,
    detail: "",
    address: `${manifest.kind}/${manifest.metadata.namespace}/${manifest.metadata.name}`,
    ...locate(pointer),
  };
}
