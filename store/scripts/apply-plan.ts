// Applies a plan to the state: records are staged, then one script checks everything and switches them at once.
import type { Address } from "../../contracts/address.ts";
import type { Digest } from "../../contracts/canonical.ts";
import type { StateRecord } from "../../contracts/record.ts";
import type { Redis } from "../connect.ts";

export interface TaskIntentRequest {
  /** `<address>@<spec digest>`: the same content never makes a second task. */
  readonly key: string;
  /** The task to make. */
  readonly name: string;
}

export interface ApplyRequest {
  readonly env: string;
  readonly lock: { readonly holder: string; readonly token: number };
  readonly planId: string;
  readonly planDigest: string;
  /** Empty: the environment must have no state yet. */
  readonly lineage: string;
  /** Taken where there is no state yet. */
  readonly newLineage: string;
  readonly touched: readonly { readonly address: Address; readonly digest: Digest | null }[];
  /** `serial` is filled by the store. */
  readonly writes: readonly StateRecord[];
  readonly prunes: readonly Address[];
  readonly commit: string | null;
  readonly policyDigest: string;
  readonly appliedAt: string;
  readonly taskIntents: readonly TaskIntentRequest[];
  /** Further facts for the history, as the caller likes. */
  readonly history: Readonly<Record<string, unknown>>;
}

export type ApplyAnswer =
  | { readonly outcome: "applied"; readonly serial: number; readonly lineage: string }
  | { readonly outcome: "stale"; readonly what: "lineage" }
  | { readonly outcome: "stale"; readonly what: "record"; readonly address: Address }
  | { readonly outcome: "used" }
  | { readonly outcome: "lock-lost" };

export async function applyPlan(redis: Redis, request: ApplyRequest): Promise<ApplyAnswer> {
  throw new Error(`${redis.status} ${request.env}`);
}
