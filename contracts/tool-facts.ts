// What a tool's manifest and its server say of what a call may do: its operation classes and its effect. Pure. The same
// rule for the plan that shows who may call it and for the gate that decides.
import type { OperationClass } from "../policies/request.ts";
import type { ToolSpec } from "./kinds/tool.ts";
import type { ToolEffect } from "./step.ts";

type Declared = Partial<Pick<ToolSpec, "effect" | "operation_classes" | "risk_level">>;

/** Hints of an MCP server: claims, behind which a manifest's own words stand. */
interface Hints {
  readonly readOnlyHint?: boolean;
  readonly idempotentHint?: boolean;
}

/** Of a Tool manifest: read, or write where the risk is high, unless it says more. */
export function declaredClasses({
  operation_classes: classes = [],
  risk_level: risk,
}: Declared): readonly OperationClass[] {
  if (classes.length > 0) return classes;
  return risk === "high" || risk === "critical" ? ["write"] : ["read"];
}

/**
 * Of a tool that only its server describes: silence means the worst. `destructiveHint` is true by default in the
 * protocol, so it tells nothing that would make a write a delete.
 */
export function discoveredClasses({ readOnlyHint }: Hints): readonly OperationClass[] {
  return readOnlyHint === true ? ["read"] : ["write"];
}

/** The manifest's word first; what a server claims of itself comes after it, and silence means the worst. */
export function effectOf({ effect, operation_classes: classes = [] }: Declared, hints: Hints): ToolEffect {
  if (effect !== undefined) return effect;
  if (classes.length > 0) return classes.every((operation) => operation === "read") ? "read" : "write";
  if (hints.readOnlyHint === true) return "read";
  return hints.idempotentHint === true ? "idempotent" : "write";
}
