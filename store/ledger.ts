// What a task has spent, as the task's hash keeps it and as scripts answer it.

export interface Ledger {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Held back for calls under way, and for calls whose answer was lost. */
  readonly reservedTokens: number;
  /** null: at least one price is unknown. */
  readonly costUsd: number | null;
}

export type Charge =
  | {
      readonly kind: "reserve";
      readonly tokens: number;
      /** Tokens that the task may spend at most, reservations included; null: no limit. */
      readonly limit: number | null;
    }
  | {
      readonly kind: "settle";
      readonly reserved: number;
      readonly inputTokens: number;
      readonly outputTokens: number;
      readonly costUsd: number | null;
    }
  | { readonly kind: "release"; readonly reserved: number };
