// Compiles `rules[]` of an AgentPolicy. These are ours and read strictly: an unknown key would silently match too much
// or too little, so it denies.
import { compileConditions } from "../arguments/conditions.ts";
import type { CompiledRule, SpecError } from "../compiled.ts";
import { compileExpression, type Expression } from "../expression/expression.ts";
import { nameKey, scopedKey, toolKey } from "../names.ts";
import { compileApproval } from "./approval.ts";
import { readClasses, readMatch, refuseUnknown } from "./match.ts";
import { type Fields, fieldOf, isFields, readWord, textOf } from "./read.ts";

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
      tools: readMatch(match, "tools", `${path}.match`, toolKey, errors),
      models: readMatch(match, "models", `${path}.match`, nameKey, errors),
      agents: readMatch(match, "agents", `${path}.match`, (name) => scopedKey(namespace, name), errors),
      operationClasses: readClasses(match, `${path}.match`, errors),
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
