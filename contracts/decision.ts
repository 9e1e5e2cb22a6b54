// A decision as it is recorded, and the structured denial that a model and a person get to see.
import type { DenialCode, GatePoint, Reason } from "../policies/request.ts";

/** CONTRACT: one decision of the gate. */
export interface Decision {
  readonly decisionId: string;
  readonly at: string;
  readonly point: GatePoint;
  readonly effect: "allow" | "deny" | "ask";
  readonly code: DenialCode | "ALLOWED";
  readonly reasons: readonly Reason[];
  /** False in audit mode: recorded, not carried out. */
  readonly enforced: boolean;
  readonly policyDigest: string;
  readonly micros: number;
}

export interface Denial {
  readonly status: "denied";
  readonly code: DenialCode;
  readonly reason: string;
  readonly retryable: false;
  readonly message: string;
  readonly details: {
    readonly tool?: string;
    readonly model?: string;
    readonly policy?: string;
    readonly rule?: string;
    readonly decisionId: string;
  };
}
