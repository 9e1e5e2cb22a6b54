// Step 3: tools that a policy blocks by name.
import type { CompiledPolicy } from "../compiled.ts";
import { denyBy, type Finding } from "../finding.ts";
import { toolKey } from "../names.ts";
import { findEntry } from "../scope.ts";

export function findBlockedTool(policies: readonly CompiledPolicy[], tool: string): Finding[] {
  const key = toolKey(tool);
  return policies.flatMap((policy) => {
    const entry = findEntry(policy.blockedTools, key);
    return entry === undefined ? [] : [denyBy(policy, "TOOL_BLOCKED", entry.rule, `\`${tool}\` is blocked`, "tool")];
  });
}
