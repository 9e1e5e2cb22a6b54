// Where runners meet over the refresh tokens of one environment's logins. Keeps boxes that it cannot open.
import type { Redis } from "./connect.ts";
import { type Begun, beginRenewal, endRenewal } from "./scripts/renew-grant.ts";

/** Longer than a token endpoint may take to answer. */
const RENEWING_MS = 30_000;
/** A login that nobody has used for so long is over in most places. */
const KEPT_MS = 400 * 24 * 60 * 60_000;

export interface Renewals {
  begin(id: string): Promise<Begun>;
  /** `box`: of the number after `after`; '' where there is no new token. */
  end(id: string, after: number, box: string): Promise<"kept" | "moved">;
}

/** `holder`: another one for each process. */
export function openRenewals(redis: Redis, env: string, holder: string): Renewals {
  return {
    begin: (id) => beginRenewal(redis, { env, id }, holder, RENEWING_MS),
    end: (id, after, box) => endRenewal(redis, { env, id }, holder, { after, box, keptMs: KEPT_MS }),
  };
}
