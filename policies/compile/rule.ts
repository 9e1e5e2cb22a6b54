// Compiles `rules[]` of an AgentPolicy. These are ours and read strictly: an unknown key would silently match too much
// or too little, so it denies.
import type { CompiledRule, Entry, SpecError } from "../compiled.ts";
import { nameKey, scopedKey, toolKey } from "../names.ts";
import type { OperationClass } from "../request.ts";
import { compileClasses } from "./operation-class.ts";
import { type Fields, fieldOf, isFields, readEntries, readWord, textOf } from "./read.ts";

const RULE_KEYS = ["match", "when", "effect", "message"];
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
  return [
    {
      rule: path,
      effect,
      message: textOf(fieldOf(rule, "message")) ?? null,
      tools: readMatch(match, "tools", path, toolKey, errors),
      models: readMatch(match, "models", path, nameKey, errors),
      agents: readMatch(match, "agents", path, (name) => scopedKey(namespace, name), errors),
      operationClasses: readClasses(match, path, errors),
      aboutTools: ABOUT_TOOLS.some((name) => fieldOf(match, name) !== undefined),
      unevaluable: findUnevaluable(rule, match, path),
    },
  ];
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

function findUnevaluable(rule: Fields, match: Fields, path: string): string | null {
  const field =
    fieldOf(rule, "when") !== undefined
      ? `${path}.when`
      : fieldOf(match, "arguments") !== undefined
        ? `${path}.match.arguments`
        : undefined;
  return field === undefined
    ? null
    : `this version cannot evaluate \`${field}\`, so what the rule may be about is denied`;
}
