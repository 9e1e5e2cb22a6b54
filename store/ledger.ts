// What a task has spent, as the task's hash keeps it and as scripts answer it.
import { listOf, numberOf, numberOrNull } from "./reply.ts";

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

/** Of the four amounts in the order of the interface. */
export function readLedger(what: string, amounts: unknown): Ledger {
  const [input, output, reserved, cost] = listOf(what, amounts);
  return {
    inputTokens: numberOf(what, input),
    outputTokens: numberOf(what, output),
    reservedTokens: numberOf(what, reserved),
    costUsd: numberOrNull(what, cost),
  };
}

/** kind, then what each kind needs: the form in which scripts take a charge. */
export function chargeArguments(charge: Charge): (string | number)[] {
  switch (charge.kind) {
    case "reserve":
      return ["reserve", charge.tokens, charge.limit ?? "", 0, ""];
    case "settle":
      return ["settle", charge.reserved, charge.inputTokens, charge.outputTokens, charge.costUsd ?? ""];
    case "release":
      return ["release", charge.reserved, 0, 0, ""];
  }
}

/** What the ledger will be once the charge is written, as the scripts reckon it. */
export function afterCharge(ledger: Ledger, charge: Charge): Ledger {
  switch (charge.kind) {
    case "reserve":
      return { ...ledger, reservedTokens: ledger.reservedTokens + charge.tokens };
    case "release":
      return { ...ledger, reservedTokens: Math.max(0, ledger.reservedTokens - charge.reserved) };
    case "settle":
      return {
        inputTokens: ledger.inputTokens + charge.inputTokens,
        outputTokens: ledger.outputTokens + charge.outputTokens,
        reservedTokens: Math.max(0, ledger.reservedTokens - charge.reserved),
        costUsd: ledger.costUsd === null || charge.costUsd === null ? null : ledger.costUsd + charge.costUsd,
      };
  }
}
