// Compiles an AgentPolicy. What this version cannot evaluate denies in the policy's scope: it is never passed over.
import type { CompiledPolicy, SpecError, SpecSource } from "../compiled.ts";
import { nameKey, scopedKey, toolKey } from "../names.ts";
import { compileLimits } from "./budgets.ts";
import { compileEgress } from "./egress.ts";
import { compileFlow, readLabels } from "./flow.ts";
import { type Fields, fieldOf, isAbsent, isFields, readEntries, readWord } from "./read.ts";
import { compileRules } from "./rule.ts";
import { compileScope } from "./scope.ts";
import { compileSequence } from "./sequence.ts";

export function compilePolicy(source: SpecSource): CompiledPolicy {
  if (!isFields(source.spec)) return unreadable(source.address);
  const fields = source.spec;
  const errors: SpecError[] = [];
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
    limits: compileLimits(fields, errors),
    rules: compileRules(fields, source.namespace, errors),
    inputLabels: readLabels(fields, "input_labels", "spec", errors),
    flow: compileFlow(fields, source.namespace, errors),
    sequence: compileSequence(fields, errors),
    egress: compileEgress(fields, errors),
    allowedSecrets: compileAllowedSecrets(fields, source.namespace, errors),
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
    limits: [],
    rules: [],
    inputLabels: [],
    flow: [],
    sequence: [],
    egress: null,
    allowedSecrets: null,
    errors: [{ rule: "spec", message: "`spec` is no map" }],
  };
}

/** An empty list is no list, as in Orloj: it restricts nothing. */
function compileAllowedModels(fields: Fields, errors: SpecError[]): CompiledPolicy["allowedModels"] {
  const entries = readEntries(fields, "allowed_models", "spec", nameKey, errors);
  return entries.length === 0 ? null : entries;
}

/** Ours, so an empty list means what it says: none. */
function compileAllowedSecrets(
  fields: Fields,
  namespace: string,
  errors: SpecError[],
): CompiledPolicy["allowedSecrets"] {
  if (isAbsent(fieldOf(fields, "allowed_secrets"))) return null;
  return readEntries(fields, "allowed_secrets", "spec", (name) => scopedKey(namespace, name), errors);
}
