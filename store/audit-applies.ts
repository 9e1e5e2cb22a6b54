// What the audit log tells of applies: each of the history's entries once, whoever died between the switch and the word.
import { digestOf } from "../contracts/canonical.ts";
import { ask } from "./ask.ts";
import { type AuditDraft, appendAudit } from "./audit-log.ts";
import type { Redis } from "./connect.ts";
import { type HistoryEntry, readHistory } from "./history.ts";
import { environmentKeys } from "./keys.ts";
import { STORE_LIMITS } from "./limits.ts";

/** Called after every apply, and before the next one. Throws like readHistory for an apply that cannot be believed. */
export async function tellApplies(redis: Redis, env: string): Promise<void> {
  for (let limit = 1; ; limit *= 8) {
    const newest = await readHistory(redis, env, limit);
    const oldest = newest.at(-1);
    const isAll = newest.length < limit || limit > 2 * STORE_LIMITS.keptApplies;
    if (oldest === undefined) return;
    if (!isAll && !(await isTold(redis, env, oldest))) continue;
    // As a rule it is the newest that is told already, and there is nothing to do.
    if (limit > 1 || isAll) await appendAudit(redis, env, newest.toReversed().flatMap(applyDrafts));
    return;
  }
}

/** Of what an apply is in an export: the digest stands in the log, so that neither can be changed alone. */
function applyDigest({ sealed: _sealed, ...apply }: HistoryEntry): string {
  return digestOf(apply);
}

function nameOf({ planId }: HistoryEntry): string {
  return `apply ${planId}`;
}

async function isTold(redis: Redis, env: string, apply: HistoryEntry): Promise<boolean> {
  return (await ask(redis, () => redis.hexists(environmentKeys(env).auditIndex, nameOf(apply)))) === 1;
}

function applyDrafts(apply: HistoryEntry): AuditDraft[] {
  const { serial, planId, planDigest, commit, appliedAt, facts } = apply;
  const { person = null, holder = null, policyDigest = null, configDigest = null } = facts;
  const told = { serial, planId, planDigest, commit, appliedAt, person, holder, policyDigest, configDigest };
  const applied: AuditDraft = {
    once: nameOf(apply),
    facts: { kind: "applied", ...told, record: applyDigest(apply) },
  };
  if (facts["rebuilt"] !== true) return [applied];
  const rebuilt = { kind: "state.rebuilt" as const, serial, planDigest, commit, person };
  return [applied, { once: `rebuilt ${planId}`, facts: rebuilt }];
}
