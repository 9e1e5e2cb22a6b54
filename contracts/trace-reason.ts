// A reason of a decision as a trace holds it: what it says is believed no further than its shape.
export interface TraceReason {
  /** `Kind/namespace/name` of the manifest that holds the rule; empty: no manifest said it. */
  readonly policy: string;
  readonly rule: string;
  readonly message: string;
  readonly path?: string;
  readonly code?: string;
  readonly enforced?: false;
}

export function isTraceReason(value: unknown): value is TraceReason {
  if (typeof value !== "object" || value === null) return false;
  const { policy, rule, message } = value as Readonly<Record<string, unknown>>;
  return [policy, rule, message].every((field) => typeof field === "string");
}
