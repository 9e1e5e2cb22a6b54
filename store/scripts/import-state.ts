// Puts a whole environment into an empty one: staged beside it, then switched by one script.
import { randomUUID } from "node:crypto";
import { type Identity, identityText } from "../../contracts/approval.ts";
import type { EnvironmentCopy } from "../../contracts/environment-copy.ts";
import { ask } from "../ask.ts";
import { appendAudit } from "../audit-log.ts";
import type { Redis } from "../connect.ts";
import { sealEntry } from "../history.ts";
import { environmentKeys, stagingKey } from "../keys.ts";
import { corrupt, listOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { type RecordSealing, sealHead, sealRecord, sealsDigest } from "../sealed-record.ts";
import { STAGING_MS, stageRecords } from "../staging.ts";
import { sealingOf } from "../state.ts";
import type { WriterLock } from "../writer-lock.ts";
import { NOW } from "./lua.ts";

export type ImportAnswer =
  | { readonly outcome: "imported" }
  /** It has a state, or something of one. */
  | { readonly outcome: "not-empty" }
  | { readonly outcome: "lock-lost" };

/**
 * KEYS  1 lock · then pairs of target and staging
 * ARGV  1 lock holder · 2 lock token · then, for each pair, how many entries are staged (0: the target stays away)
 * Answers {'imported'}, {'not-empty'}, {'lock-lost'} or {'cut'} (something staged has gone).
 * Invariants: every check stands before the first write; all targets appear together, and none of them was there.
 */
const IMPORT = defineScript(`${NOW}
local held = redis.call('HMGET', KEYS[1], 'holder', 'token', 'until')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] or tonumber(held[3]) <= now then return { 'lock-lost' } end
local size = { hash = 'HLEN', zset = 'ZCARD', stream = 'XLEN' }
for index = 2, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[index]) == 1 then return { 'not-empty' } end
  local kind = redis.call('TYPE', KEYS[index + 1]).ok
  local count = kind == 'none' and 0 or redis.call(size[kind], KEYS[index + 1])
  if count ~= tonumber(ARGV[2 + index / 2]) then return { 'cut' } end
end
for index = 2, #KEYS, 2 do
  if tonumber(ARGV[2 + index / 2]) > 0 then
    redis.call('RENAME', KEYS[index + 1], KEYS[index])
    redis.call('PERSIST', KEYS[index])
  end
end
return { 'imported' }
`);

/** For the audit log: who imports, and what. */
export interface ImportWord {
  readonly by: Identity;
  /** The environment that it was exported from. */
  readonly from: string;
  readonly exportedAt: string;
  /** Of the file. */
  readonly file: string;
}

/**
 * All of it or nothing. Sealed anew, by the key of this connection. The caller holds the writer's lock. The audit log says
 * it first: no state is ever there without a word, whoever dies in between.
 */
export async function importState(
  redis: Redis,
  env: string,
  lock: Pick<WriterLock, "holder" | "token">,
  copy: EnvironmentCopy,
  word: ImportWord,
): Promise<ImportAnswer> {
  const parts = await stage(redis, env, copy);
  const there = await ask(redis, () => redis.exists(...parts.map(({ target }) => target)));
  if (there > 0) return { outcome: "not-empty" };
  await tellImport(redis, env, copy, word);
  const keys = [environmentKeys(env).lock, ...parts.flatMap(({ target, staging }) => [target, staging])];
  const args = [lock.holder, lock.token, ...parts.map(({ count }) => count)];
  const what = `the answer to the import into environment ${env}`;
  const [outcome] = listOf(what, await runScript(redis, IMPORT, keys, args));
  if (outcome === "imported" || outcome === "not-empty" || outcome === "lock-lost") return { outcome };
  throw corrupt(what, "what was staged for it is gone: the import took too long, or Redis is out of memory");
}

async function tellImport(redis: Redis, env: string, copy: EnvironmentCopy, word: ImportWord): Promise<void> {
  const { serial, lineage, commit } = copy.head;
  const counts = { records: copy.records.length, applies: copy.applies.length };
  const facts = { serial, lineage, commit, ...counts, ...word, by: identityText(word.by) };
  await appendAudit(redis, env, [{ facts: { kind: "state.imported", ...facts } }]);
}

interface Part {
  readonly target: string;
  readonly staging: string;
  readonly count: number;
}

async function stage(redis: Redis, env: string, copy: EnvironmentCopy): Promise<Part[]> {
  const keys = environmentKeys(env);
  const id = randomUUID();
  const at = (name: string): string => stagingKey(env, `${id}:${name}`);
  const sealing = sealingOf(redis, env);
  const bound: RecordSealing = { ...sealing, lineage: copy.head.lineage };
  const seals = await stageRecords(redis, at("records"), copy.records, bound);
  const head = { ...copy.head, env };
  const sealed = sealing.key === undefined ? null : { digest: sealsDigest(seals), from: 0 };
  const applies = copy.applies.map((apply) => {
    const entry = JSON.stringify({ lineage: head.lineage, ...apply });
    const fields = ["apply", apply.planId, "entry", entry, "seal", sealEntry(entry, apply.serial, sealing)];
    return [`${apply.serial}-0`, ...fields];
  });
  const hash = (name: string, target: string, pairs: Iterable<readonly [string, string | number]>): Promise<Part> =>
    stageMany(
      redis,
      { target, staging: at(name) },
      "hset",
      [...pairs].map(([field, value]) => [field, String(value)]),
    );
  const zset = (name: string, target: string, pairs: readonly (readonly [string, number])[]): Promise<Part> =>
    stageMany(
      redis,
      { target, staging: at(name) },
      "zadd",
      pairs.map(([member, score]) => [String(score), member]),
    );
  const archive = copy.archived.map(({ record }) => [record.digest, sealRecord(record, bound)] as const);
  return [
    { target: keys.records, staging: at("records"), count: seals.size },
    await hash("head", keys.head, flatPairs(sealHead({ head, sealed }, sealing))),
    await stageMany(redis, { target: keys.history, staging: at("history") }, "xadd", applies),
    await hash("archive", keys.archive, archive),
    await zset(
      "archived",
      keys.archived,
      copy.archived.map(({ record, serial }) => [record.digest, serial]),
    ),
    await zset("plans", keys.plans, copy.plans),
    await hash("intents", keys.intents, copy.intents),
    await hash("ordered", keys.pendingIntents, copy.ordered),
    await hash("holds", keys.holds, copy.holds),
    await hash("inventory", keys.inventory, copy.inventory),
  ];
}

function flatPairs(flat: readonly string[]): (readonly [string, string])[] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index] ?? "", flat[2 * index + 1] ?? ""]);
}

const CHUNK = 500;

async function stageMany(
  redis: Redis,
  { target, staging }: Omit<Part, "count">,
  command: "hset" | "zadd" | "xadd",
  entries: readonly (readonly string[])[],
): Promise<Part> {
  for (let first = 0; first < entries.length; first += CHUNK) {
    const chunk = entries.slice(first, first + CHUNK);
    await ask(redis, () => {
      const batch = redis.multi();
      // A stream takes one entry a command.
      if (command === "xadd") for (const entry of chunk) batch.call("xadd", staging, ...entry);
      else batch.call(command, staging, ...chunk.flat());
      return batch.pexpire(staging, STAGING_MS).exec();
    });
  }
  return { target, staging, count: entries.length };
}
