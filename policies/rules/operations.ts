// Step 6: operation rules of ToolPermissions: the most restrictive verdict over the tool's classes and all rules.
import type { CompiledPermission } from "../compiled.ts";
import { deny, type Finding, reasonOf } from "../finding.ts";
import type { ToolFacts } from "../request.ts";
import { touches } from "./matched-rules.ts";

export function findOperations(relevant: readonly CompiledPermission[], tool: ToolFacts): Finding[] {
  const classes = tool.operationClasses.join(", ") || "any class";
  return relevant.flatMap((permission) =>
    permission.operations
      .filter((rule) => touches(rule.classes, tool.operationClasses))
      .flatMap(({ rule, verdict }): Finding[] => {
        const message = `\`${tool.name}\` (${classes}): ${verdict}`;
        switch (verdict) {
          case "deny":
            return [deny(permission.address, "OPERATION_DENIED", rule, message, "operationClasses")];
          case "approval_required":
            return [
              {
                effect: "ask",
                code: "APPROVAL_REQUIRED",
                reason: reasonOf(permission.address, rule, message, "operationClasses"),
              },
            ];
          case "allow":
            return [];
        }
      }),
  );
}

export function findPermissionErrors(relevant: readonly CompiledPermission[]): Finding[] {
  return relevant.flatMap(({ address, errors }) =>
    errors.map(({ rule, message }) => deny(address, "POLICY_ERROR", rule, message)),
  );
}
