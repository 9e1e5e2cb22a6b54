// Ledgers that many tasks share, from the gate's side: what a call takes of them is reserved in one piece with the record
// that it begins, and settled in one piece with its answer.
import type { PolicySet } from "../../policies/policy-set.ts";
import type { GateRequest } from "../../policies/request.ts";
import { type Claim, sharedClaims } from "../../policies/rules/budgets.ts";
import type { SharedChange } from "../../store/scripts/shared-ledgers.ts";

/** Account → what is spent of it. */
export type SharedSpent = Readonly<Record<string, number>>;

export interface SharedBudgets {
  /** Reserves nothing; what calls under way hold does not count. */
  look(claims: readonly Claim[]): Promise<SharedSpent>;
}

/** To be written with the record that a call begins. */
export type Shares = Extract<SharedChange, { kind: "reserve" }>;

/** The id of the reservation that the call's end has to settle; null: there is none. */
export function reservationOf(shares: Shares | undefined): string | null {
  return shares?.claims.some(({ settles }) => settles !== null) ? shares.id : null;
}

export function settlementOf(
  reservation: string | null,
  { tokens, microUsd }: Used,
): { readonly shared?: SharedChange } {
  if (reservation === null) return {};
  return { shared: { kind: "settle", id: reservation, used: { tokens, micro_usd: microUsd } } };
}

/** undefined: it shares no ledger. Else the request with what is spent of each; nothing, where nobody keeps such ledgers. */
export async function lookAtShared(
  budgets: SharedBudgets | undefined,
  request: GateRequest,
  sets: readonly PolicySet[],
): Promise<GateRequest | undefined> {
  const claims = sharedClaims(request, sets);
  if (claims.length === 0) return undefined;
  return withShared(request, budgets === undefined ? {} : await budgets.look(claims));
}

export function withShared(request: GateRequest, shared: SharedSpent): GateRequest {
  if (request.point !== "before_model" && request.point !== "before_tool") return request;
  return { ...request, usage: { ...request.usage, shared } };
}

/** What a call has really used; null: nobody knows, and the estimate stands. */
export interface Used {
  readonly tokens: number | null;
  readonly microUsd: number | null;
}

export const NOTHING_USED: Used = { tokens: 0, microUsd: 0 };
export const ESTIMATED: Used = { tokens: null, microUsd: null };
