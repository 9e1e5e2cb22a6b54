// Rules of AgentPolicies that judge arguments which their tool does not have, or want of one what it can never be: such a
// rule denies every call, or silently never holds.
import type { AgentPolicySpec } from "../../contracts/kinds/agent-policy.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Problem } from "../../contracts/problem.ts";
import { escapePointer } from "../../contracts/sensitive.ts";
import { parseArgumentPath } from "../../policies/arguments/argument-path.ts";
import { findContradictions } from "../../policies/arguments/contradiction.ts";
import { describeArgument, findMisfits, type Misfit } from "../../policies/arguments/misfit.ts";
import { typeOfArguments } from "../../policies/expression/type-check.ts";
import { followPath } from "../../policies/expression/types/path.ts";
import type { Type } from "../../policies/expression/types/type.ts";
import type { Declaration, Declared } from "./declared.ts";
import { quote } from "./finding.ts";
import { missingArgument, type NamedTool, toolsNamed } from "./judged-tools.ts";
import { nearMatch } from "./near-match.ts";

/** Of arguments with tools, in one policy, for nothing yields in between: nobody writes as many by hand. */
const MAX_CHECKS = 3_000;

export function checkPolicyArguments(declaration: Declaration, declared: Declared): Problem[] {
  const rules = specOf(declaration.manifest, "AgentPolicy")?.rules ?? [];
  const types = new Map<Declaration, Type>();
  let left = MAX_CHECKS;
  return rules.flatMap((rule, index) => {
    const conditions = argumentConditions(rule, index);
    if (conditions.length === 0) return [];
    const tools = toolsNamed(rule.match?.tools ?? [], declaration, declared);
    const pairs = tools.slice(0, Math.ceil(left / conditions.length)).flatMap((tool) => {
      const type = types.get(tool.owner) ?? typeOfArguments(tool.inputSchema);
      types.set(tool.owner, type);
      return conditions.slice(0, MAX_CHECKS).map((condition) => ({ tool, type, condition }));
    });
    left = Math.max(0, left - pairs.length);
    return [
      ...conditions.flatMap((condition) => contradictions(declaration, condition)),
      ...pairs.flatMap(({ tool, type, condition }) => toolProblems(declaration, condition, tool, type)),
    ];
  });
}

export interface ArgumentCondition {
  readonly pointer: string;
  readonly name: string;
  readonly matcher: unknown;
}

/** Of a rule of an AgentPolicy. */
export function argumentConditions(
  { match, must }: Pick<NonNullable<AgentPolicySpec["rules"]>[number], "match" | "must">,
  index: number,
): ArgumentCondition[] {
  const pointer = `/spec/rules/${index}`;
  return [...conditionsAt(`${pointer}/match/arguments`, match?.arguments), ...conditionsAt(`${pointer}/must`, must)];
}

function conditionsAt(pointer: string, conditions: Readonly<Record<string, unknown>> | undefined): ArgumentCondition[] {
  return Object.entries(conditions ?? {}).map(([name, matcher]) => {
    return { pointer: `${pointer}/${escapePointer(name)}`, name, matcher };
  });
}

function contradictions(declaration: Declaration, { pointer, name, matcher }: ArgumentCondition): Problem[] {
  return findContradictions(matcher).map(({ words, text }) => {
    const what = `wants of the argument ${quote(name)} what nothing is: ${text}`;
    return problemOf(declaration, below(pointer, words), what);
  });
}

function toolProblems(declaration: Declaration, condition: ArgumentCondition, tool: NamedTool, type: Type): Problem[] {
  const { pointer, name, matcher } = condition;
  const at = followPath(type, parseArgumentPath(name)?.segments ?? []);
  if (!at.found) return [missingArgument(declaration, tool, { ...at, pointer, text: at.segments.join(".") })];
  return findMisfits(matcher, at.type).map((misfit) => misfitProblem(declaration, condition, tool, at.type, misfit));
}

function misfitProblem(
  declaration: Declaration,
  { pointer, name }: ArgumentCondition,
  { owner }: NamedTool,
  type: Type,
  { words, why, near }: Misfit,
): Problem {
  const tool = owner.manifest.metadata.name;
  const inside = words.length > 1 ? ` (in ${quote(words.slice(0, -1).join("."))})` : "";
  const what = `judges the argument ${quote(name)} of Tool ${quote(tool)}, which is ${describeArgument(type)}: ${why}${inside}`;
  const related = owner.locate("/spec/input_schema/properties");
  const place = `Its arguments are declared at ${related.file}:${related.line}:${related.column}.`;
  const meant = near === undefined ? undefined : nearMatch(near.word, near.candidates);
  const detail = meant === undefined ? place : `Did you mean ${quote(meant)}? ${place}`;
  return { ...problemOf(declaration, below(pointer, words), what), detail, related };
}

function below(pointer: string, words: readonly string[]): string {
  return [pointer, ...words.map(escapePointer)].join("/");
}

function problemOf({ manifest, locate }: Declaration, pointer: string, what: string): Problem {
  return {
    severity: "error",
    code: "SCHEMA",
    summary: `AgentPolicy ${quote(manifest.metadata.name)} ${what}`,
    detail: "",
    address: `${manifest.kind}/${manifest.metadata.namespace}/${manifest.metadata.name}`,
    ...locate(pointer),
  };
}
