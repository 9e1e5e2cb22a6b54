// Renews the lease of an activation. A lapsed lease is never revived.
import type { ActivationId, TaskRef } from "../../contracts/task.ts";
import type { Redis } from "../connect.ts";
import { taskKeys } from "../keys.ts";
import { listOf, textOrNull } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { HOLDS } from "./lua.ts";

export interface RenewRequest {
  readonly task: TaskRef;
  readonly activation: ActivationId;
  readonly holder: string;
  readonly epoch: number;
  readonly leaseMs: number;
}

export type Renewal =
  | {
      readonly outcome: "renewed";
      readonly remainingMs: number;
      readonly cancelRequested: boolean;
      /** Who wants it; null: nobody, or nobody knows. */
      readonly cancelledBy: string | null;
    }
  | { readonly outcome: "lease-lost" };

/**
 * KEYS  1 task · 2 activations
 * ARGV  1 activation · 2 holder · 3 epoch · 4 lease in ms
 * Answers {'renewed', cancel wish or '', whose it is or ''} or {'lease-lost'}.
 */
const RENEW = defineScript(`${HOLDS}
local task, activations = unpack(KEYS)
local found = redis.call('HMGET', task, 'phase', 'cancel', 'cancelledBy')
if not holds(found[1], activations, ARGV[1], ARGV[2], ARGV[3]) then return { 'lease-lost' } end
redis.call('HSET', activations, ARGV[1] .. '/until', string.format('%d', now + ARGV[4]))
return { 'renewed', found[2] or '', found[3] or '' }
`);

export async function renewLease(redis: Redis, request: RenewRequest): Promise<Renewal> {
  const { task, activation, holder, epoch, leaseMs } = request;
  const keys = taskKeys(task);
  const what = `the renewal of ${activation}`;
  const answer = listOf(
    what,
    await runScript(redis, RENEW, [keys.task, keys.activations], [activation, holder, epoch, leaseMs]),
  );
  if (answer[0] !== "renewed") return { outcome: "lease-lost" };
  return {
    outcome: "renewed",
    remainingMs: leaseMs,
    cancelRequested: answer[1] === "1",
    cancelledBy: textOrNull(what, answer[2]),
  };
}
