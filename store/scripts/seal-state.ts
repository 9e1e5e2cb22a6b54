// Seals a state with the first state key: one that was not sealed before, or one that another known key has sealed.
import { randomUUID } from "node:crypto";
import { type Identity, identityText } from "../../contracts/approval.ts";
import { LeaseLost, PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import { keyIdOf } from "../../contracts/state-key.ts";
import { appendAudit } from "../audit-log.ts";
import type { Redis } from "../connect.ts";
import { environmentKeys, stagingKey } from "../keys.ts";
import { listOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { sealHead, sealsDigest } from "../sealed-record.ts";
import { stageRecords } from "../staging.ts";
import { readKeptState, sealingOf } from "../state.ts";
import type { WriterLock } from "../writer-lock.ts";
import { NOW } from "./lua.ts";

export type SealAnswer =
  | { readonly outcome: "sealed"; readonly records: number; readonly serial: number }
  | { readonly outcome: "no-state" };

/**
 * KEYS  1 head · 2 records · 3 lock · 4 staging
 * ARGV  1 lock holder · 2 lock token · 3 the serial that was read · 4 number of staged records · 5 new head as JSON, flat
 * Answers {'sealed'}, {'lock-lost'} or {'moved'}. Invariant: records and head change together; the serial stays.
 */
const SEAL = defineScript(`${NOW}
local head, records, lock, staging = unpack(KEYS)
local held = redis.call('HMGET', lock, 'holder', 'token', 'until')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] or tonumber(held[3]) <= now then return { 'lock-lost' } end
if redis.call('HGET', head, 'serial') ~= ARGV[3] then return { 'moved' } end
if redis.call('HLEN', staging) ~= tonumber(ARGV[4]) then return { 'moved' } end
redis.call('DEL', head, records)
if redis.call('EXISTS', staging) == 1 then
  redis.call('RENAME', staging, records)
  redis.call('PERSIST', records)
end
redis.call('HSET', head, unpack(cjson.decode(ARGV[5])))
return { 'sealed' }
`);

/**
 * What is there is believed once more, as it is: whoever calls has looked at it. The caller holds the writer's lock. The
 * audit log says it first: a state is never under another key without a word, whoever dies in between.
 */
export async function sealState(
  redis: Redis,
  env: string,
  lock: Pick<WriterLock, "holder" | "token">,
  by: Identity,
): Promise<SealAnswer> {
  const sealing = sealingOf(redis, env);
  if (sealing.key === undefined) throw new PermanentFailure("STATE_KEY_MISSING", "there is no state key to seal with");
  const { kept, records } = await readKeptState(redis, { ...sealing, believesUnsealed: true });
  if (kept === null) return { outcome: "no-state" };
  const { lineage, serial } = kept.head;
  const staging = stagingKey(env, randomUUID());
  const seals = await stageRecords(redis, staging, [...records.values()], { ...sealing, lineage });
  const sealed = { digest: sealsDigest(seals), from: kept.sealed?.from ?? serial };
  const keys = environmentKeys(env);
  const head = JSON.stringify(sealHead({ head: kept.head, sealed }, sealing));
  const args = [lock.holder, lock.token, serial, seals.size, head];
  const facts = { serial, lineage, records: seals.size, key: keyIdOf(sealing.key.seal([env])), by: identityText(by) };
  await appendAudit(redis, env, [{ facts: { kind: "state.sealed", ...facts } }]);
  const answer = await runScript(redis, SEAL, [keys.head, keys.records, keys.lock, staging], args);
  const [outcome] = listOf("the answer to sealing the state", answer);
  if (outcome === "sealed") return { outcome: "sealed", records: seals.size, serial };
  if (outcome === "lock-lost") throw new LeaseLost(`environment ${env}`, "the writer's lock went to somebody else");
  throw new TransientFailure("STATE_BUSY", `The state of environment ${env} changed while it was sealed; try again`);
}
