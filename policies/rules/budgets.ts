// Step 4: budgets that the call could exceed. Tokens count with what calls under way have reserved.
import type { CompiledPolicy } from "../compiled.ts";
import { deny, denyBy, type Finding } from "../finding.ts";
import { matchesPattern, toolKey } from "../names.ts";
import type { Subject, Usage } from "../request.ts";
import { appliesTo, subjectKeys } from "../scope.ts";

/**
 * The tokens that the task may spend at most when `subject` asks, reservations included: the lowest ceiling of the
 * policies in its scope. null: none. For the store, which compares it in the script that reserves.
 */
export function tokenCeiling(subject: Subject, set: { readonly policies: readonly CompiledPolicy[] }): number | null {
  const keys = subjectKeys(subject);
  const ceilings = set.policies
    .filter((policy) => !policy.audit && appliesTo(policy, keys))
    .flatMap((policy) => (policy.maxTokens === null ? [] : [policy.maxTokens]));
  return ceilings.length === 0 ? null : Math.min(...ceilings);
}

export function findTokenBudget(policies: readonly CompiledPolicy[], usage: Usage, reserveTokens: number): Finding[] {
  return policies.flatMap((policy) => {
    if (policy.maxTokens === null || usage.tokens + reserveTokens <= policy.maxTokens) return [];
    const left = Math.max(0, policy.maxTokens - usage.tokens);
    const message =
      reserveTokens === 0
        ? `the task has spent ${usage.tokens} of ${policy.maxTokens} tokens`
        : `the call may cost ${reserveTokens} tokens, and ${left} of ${policy.maxTokens} are left`;
    return [denyBy(policy, "BUDGET_TOKENS", "spec.max_tokens_per_run", message, "reserveTokens")];
  });
}

export function findCallBudget(policies: readonly CompiledPolicy[], usage: Usage, tool: string): Finding[] {
  const key = toolKey(tool);
  return policies.flatMap((policy) =>
    policy.maxCalls
      .filter(({ pattern }) => matchesPattern(pattern, key))
      .flatMap(({ limit, rule }) => {
        if (usage.calls === undefined) {
          return [
            deny(
              policy.address,
              "POLICY_ERROR",
              rule,
              `this version does not count calls, so it cannot evaluate \`${rule}\``,
            ),
          ];
        }
        const calls = countCalls(usage.calls, key);
        if (calls < limit) return [];
        return [denyBy(policy, "BUDGET_STEPS", rule, `\`${tool}\` was called ${calls} of ${limit} times`, "tool")];
      }),
  );
}

function countCalls(calls: Readonly<Record<string, number>>, key: string): number {
  return Object.entries(calls).reduce((total, [tool, count]) => (toolKey(tool) === key ? total + count : total), 0);
}
