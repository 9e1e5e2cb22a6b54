// Appends an entry to an environment's audit list, behind the entry that it was chained to.
import type { Redis } from "../connect.ts";
import { environmentKeys } from "../keys.ts";
import { corrupt } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";

/**
 * KEYS  1 audit list · 2 heads in it
 * ARGV  1 number · 2 head of the trace · 3 entry
 * Answers 'appended', 'known' (this trace is in the list) or 'moved' (somebody else appended: chain anew).
 * Invariant: the list only grows, by one number at a time.
 */
const APPEND_ENTRY = defineScript(`
if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 then return 'known' end
if redis.call('XLEN', KEYS[1]) + 1 ~= tonumber(ARGV[1]) then return 'moved' end
redis.call('XADD', KEYS[1], ARGV[1] .. '-0', 'entry', ARGV[3])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
return 'appended'
`);

export async function appendAuditEntry(
  redis: Redis,
  env: string,
  entry: { readonly number: number; readonly head: string },
): Promise<"appended" | "known" | "moved"> {
  const keys = environmentKeys(env);
  const args = [entry.number, entry.head, JSON.stringify(entry)];
  const answer = await runScript(redis, APPEND_ENTRY, [keys.audit, keys.auditHeads], args);
  if (answer === "appended" || answer === "known" || answer === "moved") return answer;
  throw corrupt(`the answer to an entry of the audit list of ${env}`, `\`${String(answer)}\` is unknown`);
}
