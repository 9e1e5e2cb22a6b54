// A finding: one rule's word about a request. All of them together make the verdict.
import type { CompiledPolicy } from "./compiled.ts";
import type { ApprovalTerms, DenialCode, Reason } from "./request.ts";

export type Finding =
  | { readonly effect: "deny"; readonly code: DenialCode; readonly reason: Reason; readonly policy?: CompiledPolicy }
  | {
      readonly effect: "ask";
      readonly code: "APPROVAL_REQUIRED";
      readonly reason: Reason;
      readonly policy?: CompiledPolicy;
      /** Absent: the defaults. */
      readonly approval?: ApprovalTerms;
    }
  | { readonly effect: "allow"; readonly reason: Reason; readonly policy?: CompiledPolicy };

/** A denial by an AgentPolicy: it counts only as much as the policy's mode lets it. */
export function denyBy(
  policy: CompiledPolicy,
  code: DenialCode,
  rule: string,
  message: string,
  path?: string,
): Finding {
  return { effect: "deny", code, policy, reason: reasonOf(policy.address, rule, message, path) };
}

/** A denial that does not come from an AgentPolicy: by the agent's own manifest, a role or a ToolPermission. */
export function deny(address: string, code: DenialCode, rule: string, message: string, path?: string): Finding {
  return { effect: "deny", code, reason: reasonOf(address, rule, message, path) };
}

export function reasonOf(policy: string, rule: string, message: string, path?: string): Reason {
  return path === undefined ? { policy, rule, message } : { policy, rule, message, path };
}
