// Step 3: models that a policy does not list. Names are those of the provider (`gpt-4o`), never those of a ModelEndpoint:
// whoever may name an endpoint could otherwise give it the name of an allowed model.
import type { CompiledPolicy } from "../compiled.ts";
import { denyBy, type Finding, reasonOf } from "../finding.ts";
import { nameKey } from "../names.ts";
import { findEntry } from "../scope.ts";

export function findModels(policies: readonly CompiledPolicy[], model: string): Finding[] {
  const key = nameKey(model);
  return policies.flatMap((policy): Finding[] => {
    if (policy.allowedModels === null) return [];
    const entry = findEntry(policy.allowedModels, key);
    if (entry === undefined)
      return [denyBy(policy, "MODEL_NOT_ALLOWED", "spec.allowed_models", unlisted(policy, model), "model")];
    return [
      { effect: "allow", policy, reason: reasonOf(policy.address, entry.rule, `\`${model}\` is an allowed model`) },
    ];
  });
}

function unlisted({ allowedModels }: CompiledPolicy, model: string): string {
  const listed = (allowedModels ?? []).slice(0, 5).map((entry) => `\`${entry.text}\``);
  const more = (allowedModels ?? []).length > listed.length ? ", …" : "";
  return `\`${model}\` is none of the allowed models (${listed.join(", ")}${more})`;
}
