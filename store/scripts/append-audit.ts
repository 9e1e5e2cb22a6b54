// Appends entries to an environment's audit log, behind the one that they were chained to, with what they tell of.
import type { AuditEntry } from "../../contracts/audit/entry.ts";
import type { Redis } from "../connect.ts";
import { environmentKeys } from "../keys.ts";
import { corrupt } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";

/** A change of the environment's holds or tokens that happens together with its entry, or not at all. */
export type ToldChange = { readonly of: "holds" | "tokens"; readonly field: string } & (
  | { readonly op: "HSET" | "HSETNX"; readonly value: string }
  | { readonly op: "HDEL" }
);

export interface AuditAppend {
  /** Of the last entry; '' where there is none. */
  readonly after: string;
  /** `once`: its name in the index, or '': an entry of that name is there only once. */
  readonly entries: readonly { readonly entry: AuditEntry; readonly once: string }[];
  /** Ends of tasks that are told by these entries: member and token. */
  readonly settled: readonly (readonly [member: string, token: string])[];
  readonly change?: ToldChange | undefined;
}

/**
 * KEYS  1 log · 2 index · 3 ended tasks that are to be told · 4 the hash that changes
 * ARGV  1 hash of the last entry or '' · 2 number of entries · 3 of settled ends · 4 'HSET', 'HSETNX', 'HDEL' or ''
 *       5 its field · 6 its value · from 7 id, hash, text and index name of each entry, then member and token of each end
 * Answers 'appended', 'moved' (somebody else appended: chain anew) or 'nothing' (there was nothing to take away, or it
 * is there already).
 * Invariant: the log only grows, behind its last entry. What is in the index changes only together with it.
 */
const APPEND = defineScript(`
local log, index, pending, changing = unpack(KEYS)
local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)
if (#last == 1 and last[1][2][2] or '') ~= ARGV[1] then return 'moved' end
if ARGV[4] == 'HDEL' and redis.call('HDEL', changing, ARGV[5]) == 0 then return 'nothing' end
if ARGV[4] == 'HSETNX' and redis.call('HSETNX', changing, ARGV[5], ARGV[6]) == 0 then return 'nothing' end
if ARGV[4] == 'HSET' then redis.call('HSET', changing, ARGV[5], ARGV[6]) end
local ends = 7 + 4 * ARGV[2]
for at = 7, ends - 1, 4 do
  redis.call('XADD', log, ARGV[at], 'hash', ARGV[at + 1], 'entry', ARGV[at + 2])
  if ARGV[at + 3] ~= '' then redis.call('HSET', index, ARGV[at + 3], ARGV[at]) end
end
for at = ends, ends + 2 * ARGV[3] - 1, 2 do
  if redis.call('HGET', pending, ARGV[at]) == ARGV[at + 1] then redis.call('HDEL', pending, ARGV[at]) end
end
return 'appended'
`);

export async function appendToAudit(
  redis: Redis,
  env: string,
  { after, entries, settled, change }: AuditAppend,
): Promise<"appended" | "moved" | "nothing"> {
  const keys = environmentKeys(env);
  const answer = await runScript(
    redis,
    APPEND,
    [keys.audit, keys.auditIndex, keys.auditPending, keys[change?.of ?? "holds"]],
    [
      after,
      entries.length,
      settled.length,
      change?.op ?? "",
      change?.field ?? "",
      change === undefined || change.op === "HDEL" ? "" : change.value,
      ...entries.flatMap(({ entry, once }) => [`${entry.number}-0`, entry.hash, JSON.stringify(entry), once]),
      ...settled.flat(),
    ],
  );
  if (answer === "appended" || answer === "moved" || answer === "nothing") return answer;
  throw corrupt(`the answer to entries of the audit log of ${env}`, `\`${String(answer)}\` is unknown`);
}
