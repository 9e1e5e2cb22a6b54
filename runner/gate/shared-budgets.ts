// Ledgers that many tasks share, from the gate's side: reserved before a call is recorded, settled before its answer is.
import type { PolicySet } from "../../policies/policy-set.ts";
import type { GateRequest } from "../../policies/request.ts";
import { type Claim, sharedClaims } from "../../policies/rules/budgets.ts";
import type { ReserveAnswer, Reserved } from "../../store/scripts/reserve-budgets.ts";
import type { Settlement } from "../../store/scripts/settle-budgets.ts";

export interface SharedBudgets {
  /** `id` null: looks at what is spent, and reserves nothing. */
  reserve(id: string | null, claims: readonly Claim[]): Promise<ReserveAnswer>;
  settle(id: string, settlements: readonly Settlement[]): Promise<void>;
}

export interface Reservation {
  readonly id: string;
  readonly reserved: readonly Reserved[];
}

export interface Asked {
  readonly refused: boolean;
  /** The request with what is spent of each shared ledger that it touches. */
  readonly request: GateRequest;
  readonly reservation: Reservation | null;
}

/** undefined: no policy in scope shares a ledger, and nobody was asked. `id` null: it only looks. */
export async function askShared(
  budgets: SharedBudgets | undefined,
  id: string | null,
  request: GateRequest,
  sets: readonly PolicySet[],
): Promise<Asked | undefined> {
  const claims = sharedClaims(request, sets);
  if (claims.length === 0) return undefined;
  // Nobody keeps such ledgers: the policies find no amount, and deny.
  if (budgets === undefined) return { refused: true, request: withShared(request, {}), reservation: null };
  const { outcome, before, reserved } = await budgets.reserve(id, claims);
  const open = reserved.filter(({ settles }) => settles);
  return {
    refused: outcome === "refused",
    request: withShared(request, before),
    reservation: id === null || open.length === 0 ? null : { id, reserved: open },
  };
}

function withShared(request: GateRequest, shared: Readonly<Record<string, number>>): GateRequest {
  if (request.point !== "before_model" && request.point !== "before_tool") return request;
  return { ...request, usage: { ...request.usage, shared } };
}

/** What a call has really used; null: nobody knows, and the estimate stands. */
export interface Used {
  readonly tokens: number | null;
  readonly microUsd: number | null;
}

export async function settleShared(
  budgets: SharedBudgets | undefined,
  reservation: Reservation | null,
  used: Used,
): Promise<void> {
  if (budgets === undefined || reservation === null) return;
  const settlements = reservation.reserved.map(({ account, entry, amount }) => {
    const actual = account.split("|")[1] === "tokens" ? used.tokens : used.microUsd;
    return { entry, reserved: amount, actual: actual ?? amount };
  });
  await budgets.settle(reservation.id, settlements);
}

export const NOTHING_USED: Used = { tokens: 0, microUsd: 0 };
