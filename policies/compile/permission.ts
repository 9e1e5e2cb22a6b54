// Compiles a ToolPermission: what a caller of one tool must have, and which operations are allowed at all.
import type { CompiledPermission, Entry, OperationRule, SpecError, SpecSource } from "../compiled.ts";
import { permissionKey, scopedKey, toolKey } from "../names.ts";
import { compileClasses } from "./operation-class.ts";
import { type Fields, fieldOf, isFields, readEntries, readTexts, readWord, textOf } from "./read.ts";

export function compilePermission(source: SpecSource): CompiledPermission {
  if (!isFields(source.spec)) return unreadable(source);
  const fields = source.spec;
  const errors: SpecError[] = [];
  return {
    address: source.address,
    namespace: source.namespace,
    tool: compileTool(fields, source.name, errors),
    action: textOf(fieldOf(fields, "action"))?.trim() || "invoke",
    agents: compileAgents(fields, source.namespace, errors),
    required: readTexts(fields, "required_permissions", "spec", errors).map(({ text }) => permissionKey(text)),
    anyOf: readWord(fields, "match_mode", "spec", ["all", "any"], "all", errors) === "any",
    operations: compileOperations(fields, errors),
    errors,
  };
}

function unreadable(source: SpecSource): CompiledPermission {
  return {
    address: source.address,
    namespace: source.namespace,
    tool: null,
    action: "invoke",
    agents: null,
    required: [],
    anyOf: false,
    operations: [],
    errors: [{ rule: "spec", message: "`spec` is no map" }],
  };
}

function compileTool(fields: Fields, name: string, errors: SpecError[]): string | null {
  const ref = fieldOf(fields, "tool_ref");
  if (ref === undefined || ref === null || ref === "") return toolKey(name);
  const text = textOf(ref);
  if (text !== undefined) return toolKey(text);
  errors.push({ rule: "spec.tool_ref", message: "`spec.tool_ref` is no text" });
  return null;
}

/** null: every agent, also where the mode cannot be read. Scoped without agents can never apply, which nobody means. */
function compileAgents(fields: Fields, namespace: string, errors: SpecError[]): Entry[] | null {
  const mode = readWord(fields, "apply_mode", "spec", ["global", "scoped"], "global", errors);
  const before = errors.length;
  const agents = readEntries(fields, "target_agents", "spec", (name) => scopedKey(namespace, name), errors);
  if (mode !== "scoped" || errors.length > before) return null;
  if (agents.length > 0) return agents;
  errors.push({ rule: "spec.target_agents", message: "`apply_mode: scoped` without `spec.target_agents`" });
  return null;
}

function compileOperations(fields: Fields, errors: SpecError[]): OperationRule[] {
  const rules = fieldOf(fields, "operation_rules");
  if (rules === undefined || rules === null) return [];
  if (!Array.isArray(rules)) {
    errors.push({ rule: "spec.operation_rules", message: "`spec.operation_rules` is no list" });
    return [];
  }
  return rules.flatMap((rule: unknown, index) => compileOperation(rule, `spec.operation_rules[${index}]`, errors));
}

/** A missing class is `*`, a missing verdict is allow, as in Orloj. */
function compileOperation(rule: unknown, path: string, errors: SpecError[]): OperationRule[] {
  if (!isFields(rule)) {
    errors.push({ rule: path, message: `\`${path}\` is no map` });
    return [];
  }
  const verdict = readWord(rule, "verdict", path, ["allow", "deny", "approval_required"], "allow", errors);
  if (verdict === null) return [];
  return [{ rule: path, verdict, classes: compileClasses(rule, "operation_class", path, errors) }];
}
