// Compiles `rules[]` of an AgentPolicy. These are ours and read strictly: an unknown key would silently match too much
// or too little, so it denies.
import { compileConditions } from "../arguments/conditions.ts";
import type { CompiledRule, Entry, SpecError } from "../compiled.ts";
import { compileExpression, type Expression } from "../expression/expression.ts";
import { nameKey, scopedKey, toolKey } from "../names.ts";
import type { OperationClass } from "../request.ts";
import { compileApproval } from "./approval.ts";
import { compileClasses } from "./operation-class.ts";
import { type Fields, fieldOf, isFields, readEntries, readWord, textOf } from "./read.ts";

const RULE_KEYS = ["match", "when", "must", "additional", "effect", "message", "approval"];
const ABOUT_TOOLS = ["tools", "operation_classes", "arguments"];
const MATCH_KEYS = [...ABOUT_TOOLS, "models", "agents"];

export function compileRules(fields: Fields, namespace: string, errors: SpecError[]): CompiledRule[] {
  const rules = fieldOf(fields, "rules");
  if (rules === undefined || rules === null) return [];
  if (!Array.isArray(rules)) {
    errors.push({ rule: "spec.rules", message: "`spec.rules` is no list" });
    return [];
  }
  return rules.flatMap((rule: unknown, index) => compileRule(rule, `spec.rules[${index}]`, namespace, errors));
}

function compileRule(rule: unknown, path: string, namespace: string, errors: SpecError[]): CompiledRule[] {
  const match = isFields(rule) ? (fieldOf(rule, "match") ?? {}) : undefined;
  if (!isFields(rule) || !isFields(match)) {
    errors.push({ rule: path, message: `\`${path}\` is no rule with a \`match\`` });
    return [];
  }
  refuseUnknown(rule, RULE_KEYS, path, errors);
  refuseUnknown(match, MATCH_KEYS, `${path}.match`, errors);
  const effect = readWord(rule, "effect", path, ["deny", "ask", "allow"], "deny", errors);
  if (effect === null) return [];
  const when = compileWhen(fieldOf(rule, "when"), `${path}.when`, errors);
  const must = compileConditions(fieldOf(rule, "must"), `${path}.must`, errors);
  const noOthers = readWord(rule, "additional", path, ["allow", "deny"], "allow", errors) !== "allow";
  if (effect === "allow" && must.length > 0) {
    errors.push({
      rule: `${path}.must`,
      message: `\`${path}.must\`: an allow says what it is for in \`match.arguments\``,
    });
  }
  const namesTools = ABOUT_TOOLS.some((name) => fieldOf(match, name) !== undefined) || must.length > 0 || noOthers;
  return [
    {
      rule: path,
      effect,
      message: textOf(fieldOf(rule, "message")) ?? null,
      tools: readMatch(match, "tools", path, toolKey, errors),
      models: readMatch(match, "models", path, nameKey, errors),
      agents: readMatch(match, "agents", path, (name) => scopedKey(namespace, name), errors),
      operationClasses: readClasses(match, path, errors),
      aboutTools: namesTools || when?.aboutTools === true,
      arguments: compileConditions(fieldOf(match, "arguments"), `${path}.match.arguments`, errors),
      when,
      must,
      noOthers,
      approval: compileApproval(rule, effect, path, errors),
    },
  ];
}

function compileWhen(text: unknown, path: string, errors: SpecError[]): Expression | null {
  if (text === undefined || text === null) return null;
  const compiled = typeof text === "string" ? compileExpression(text) : undefined;
  if (compiled?.outcome === "compiled") return compiled.expression;
  errors.push({ rule: path, message: `\`${path}\` ${compiled?.why ?? "is no text"}` });
  return null;
}

function refuseUnknown(fields: Fields, known: readonly string[], path: string, errors: SpecError[]): void {
  for (const key of Object.keys(fields)) {
    if (!known.includes(key)) errors.push({ rule: `${path}.${key}`, message: `\`${path}.${key}\` is unknown` });
  }
}

/** null: not said, so anything. A list that is said and empty could never match, which nobody means. */
function readMatch(
  match: Fields,
  name: string,
  path: string,
  key: (text: string) => string,
  errors: SpecError[],
): Entry[] | null {
  if (fieldOf(match, name) === undefined) return null;
  const entries = readEntries(match, name, `${path}.match`, key, errors);
  if (entries.length === 0)
    errors.push({ rule: `${path}.match.${name}`, message: `\`${path}.match.${name}\` is empty` });
  return entries;
}

function readClasses(match: Fields, path: string, errors: SpecError[]): readonly OperationClass[] | "any" | null {
  if (fieldOf(match, "operation_classes") === undefined) return null;
  return compileClasses(match, "operation_classes", `${path}.match`, errors);
}
