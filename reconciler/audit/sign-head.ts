// Signs where the audit log ends: after every apply, and at intervals by the reconciler that leads.
import type { KeyObject } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { signHead } from "../../contracts/audit/signed-head.ts";
import { failureRecord, PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import { appendAudit, readLastEntry } from "../../store/audit-log.ts";
import { tellEndedTasks } from "../../store/audit-tasks.ts";
import type { Redis } from "../../store/connect.ts";

/** Tasks that ended are told first. False: nothing happened since the last signature. */
export async function signAuditHead(redis: Redis, env: string, key: KeyObject): Promise<boolean> {
  await tellEndedTasks(redis, env);
  const last = await readLastEntry(redis, env);
  if (last === undefined || last.kind === "head.signed") return false;
  return await appendAudit(redis, env, [{ facts: (after) => signHead(key, env, after) }]);
}

export interface SigningRounds {
  readonly redis: Redis;
  readonly env: string;
  readonly key: KeyObject;
  readonly intervalMs: number;
  readonly emit: (event: {
    readonly type: "failed";
    readonly code: string;
    readonly message: string;
    readonly retryInMs: number;
  }) => void;
  readonly signal: AbortSignal;
}

/** Runs until `signal` is aborted. A round that fails is said, and the next one signs what it left. */
export async function runSigningRounds({ redis, env, key, intervalMs, emit, signal }: SigningRounds): Promise<void> {
  while (!signal.aborted) {
    await pause(intervalMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await signAuditHead(redis, env, key);
    } catch (error) {
      if (!(error instanceof PermanentFailure || error instanceof TransientFailure)) throw error;
      emit({ type: "failed", ...failureRecord(error), retryInMs: intervalMs });
    }
  }
}
