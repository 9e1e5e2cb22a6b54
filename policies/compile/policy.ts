// Compiles an AgentPolicy. What this version cannot evaluate denies in the policy's scope: it is never passed over.
import type { CallLimit, CompiledPolicy, SpecError, SpecSource } from "../compiled.ts";
import { compilePattern, nameKey, toolKey } from "../names.ts";
import { type Fields, fieldOf, isFields, readCount, readEntries, readWord } from "./read.ts";
import { compileRules } from "./rule.ts";
import { compileScope } from "./scope.ts";

/** Announced in the format, evaluated by later versions. */
const NOT_EVALUATED = ["max_cost_usd_per_run", "rate", "egress", "flow"];

export function compilePolicy(source: SpecSource): CompiledPolicy {
  if (!isFields(source.spec)) return unreadable(source.address);
  const fields = source.spec;
  const errors: SpecError[] = notEvaluated(fields);
  const onViolation = readWord(fields, "on_violation", "spec", ["stop", "refuse"], "stop", errors);
  const said = fieldOf(fields, "on_violation") !== undefined;
  return {
    address: source.address,
    scope: compileScope(fields, source.namespace, errors),
    audit: readWord(fields, "mode", "spec", ["enforce", "audit"], "enforce", errors) === "audit",
    onViolation: said ? onViolation : null,
    defaultDeny: readWord(fields, "default", "spec", ["allow", "deny"], "allow", errors) !== "allow",
    blockedTools: readEntries(fields, "blocked_tools", "spec", toolKey, errors),
    allowedModels: compileAllowedModels(fields, errors),
    maxTokens: readCount(fields, "max_tokens_per_run", "spec", errors),
    maxCalls: compileMaxCalls(fields, errors),
    rules: compileRules(fields, source.namespace, errors),
    errors,
  };
}

function unreadable(address: string): CompiledPolicy {
  return {
    address,
    scope: { everywhere: true, systems: [], tasks: [], agents: [] },
    audit: false,
    onViolation: null,
    defaultDeny: true,
    blockedTools: [],
    allowedModels: null,
    maxTokens: null,
    maxCalls: [],
    rules: [],
    errors: [{ rule: "spec", message: "`spec` is no map" }],
  };
}

function notEvaluated(fields: Fields): SpecError[] {
  return NOT_EVALUATED.filter((name) => !isAbsent(fieldOf(fields, name))).map((name) => ({
    rule: `spec.${name}`,
    message: `this version cannot evaluate \`spec.${name}\`, so nothing in this policy's scope is allowed`,
  }));
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

/** An empty list is no list, as in Orloj: it restricts nothing. */
function compileAllowedModels(fields: Fields, errors: SpecError[]): CompiledPolicy["allowedModels"] {
  const entries = readEntries(fields, "allowed_models", "spec", nameKey, errors);
  return entries.length === 0 ? null : entries;
}

function compileMaxCalls(fields: Fields, errors: SpecError[]): CallLimit[] {
  const limits = fieldOf(fields, "max_calls");
  if (isAbsent(limits)) return [];
  if (!isFields(limits)) {
    errors.push({ rule: "spec.max_calls", message: "`spec.max_calls` is no map from tool to number" });
    return [];
  }
  return Object.keys(limits).flatMap((tool) => {
    const limit = readCount(limits, tool, "spec.max_calls", errors);
    return limit === null ? [] : [{ pattern: compilePattern(toolKey(tool)), limit, rule: `spec.max_calls.${tool}` }];
  });
}
