// Applies a plan to the state: records are staged, then one script checks everything and switches them at once.
import { randomUUID } from "node:crypto";
import { type Address, parseAddress } from "../../contracts/address.ts";
import type { Digest } from "../../contracts/canonical.ts";
import { TransientFailure } from "../../contracts/failure.ts";
import type { RolledBack } from "../../contracts/holds.ts";
import type { StateHead, StateRecord } from "../../contracts/record.ts";
import type { TriggerIntent } from "../../contracts/schedule.ts";
import type { Redis } from "../connect.ts";
import { sealEntry } from "../history.ts";
import { environmentKeys, stagingKey } from "../keys.ts";
import { STORE_LIMITS } from "../limits.ts";
import { corrupt, listOf, numberOf, textOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import type { Sealing } from "../seal.ts";
import { type KeptHead, type SealedSet, sealHead, sealsDigest } from "../sealed-record.ts";
import { stageRecords } from "../staging.ts";
import { type KeptState, readKeptHead, readKeptState, sealingOf } from "../state.ts";
import { NOW } from "./lua.ts";

export interface TaskIntentRequest {
  /** `<address>@<spec digest>`: the same content never makes a second task. */
  readonly key: string;
  /** The task to make. */
  readonly name: string;
}

export interface ApplyRequest {
  readonly env: string;
  readonly lock: { readonly holder: string; readonly token: number };
  /** The lead that the writer acts under; absent: a person's command, which needs none. */
  readonly lead?: { readonly holder: string; readonly token: number };
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
  /** Side effects to have once the records are switched: they stay until somebody confirms them. */
  readonly triggers?: readonly TriggerIntent[];
  /** Further facts for the history, as the caller likes. */
  readonly history: Readonly<Record<string, unknown>>;
  /** Nobody asked for this apply by hand: it stops at a suspended environment. */
  readonly automatic?: boolean;
  /** For a rollback: what holds the reconciler back from here on. The serial is filled by the store. */
  readonly restores?: Omit<RolledBack, "serial">;
  /** The intents are recorded as used, and nothing is made of them. */
  readonly tasksHaveRun?: boolean;
}

export type ApplyAnswer =
  | { readonly outcome: "applied"; readonly serial: number; readonly lineage: string }
  | { readonly outcome: "stale"; readonly what: "lineage" }
  | { readonly outcome: "stale"; readonly what: "record"; readonly address: Address }
  /** Suspended since the plan was made. `address` null: the whole environment. */
  | { readonly outcome: "stale"; readonly what: "suspended"; readonly address: Address | null }
  | { readonly outcome: "used" }
  | { readonly outcome: "lock-lost" };

const TRIES = 3;

/**
 * KEYS  1 head · 2 records · 3 lock · 4 plans · 5 history · 6 intents · 7 pending intents · 8 staging · 9 inventory
 *       10 archive · 11 archived · 12 holds · 13 leader · 14 pending triggers
 * ARGV  1 lock holder · 2 lock token · 3 plan id · 4 apply id · 5 expected lineage ('' for none) · 6 expected serial
 *       7 touched as JSON [[address, digest or '']] · 8 prunes as JSON · 9 intents as JSON [[key, JSON of the intent, or '' for
 *       one whose task is not to be made]]
 *       10 number of staged records · 11 new head as JSON, flat · 12 history entry · 13 its seal
 *       14 how many applies, 15 plans, 16 applies' archives are kept · 17 manifests collected at most · 18 automatic: '1' or
 *       '0' · 19 the hold of a rollback as JSON, or '' · 20 holder of the lead, or '' · 21 its token · 22 triggers as JSON
 * Answers {'applied', serial} or {'lock-lost'}, {'used'}, {'lineage'}, {'record', address}, {'suspended', address or ''},
 * {'moved'} (the serial is no longer what the records were sealed for: stage again).
 * Invariants: every check stands before the first write; state, head, history, plan and intents change together. The
 * inventory says what applies alone have written, and for which serial: one that does not speak for the state as it is
 * (made by a version without it) begins anew with what is there. A record that is replaced or pruned goes to the archive,
 * under its digest, and leaves it when no apply that put it there can be rolled back. A rewrite's acceptance is spent.
 */
const SWITCH = defineScript(`${NOW}
local head, records, lock, plans, history, intents, pending, staging, inventory, archive, archived, holds, leader, triggers = unpack(KEYS)
local used = redis.call('ZSCORE', plans, ARGV[3])
if used then
  local entry = redis.call('XRANGE', history, used .. '-0', used .. '-0')
  if #entry == 1 and entry[1][2][2] == ARGV[4] then return { 'applied', tonumber(used) } end
  return { 'used' }
end
local held = redis.call('HMGET', lock, 'holder', 'token', 'until')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] or tonumber(held[3]) <= now then return { 'lock-lost' } end
if ARGV[20] ~= '' then
  local leads = redis.call('HMGET', leader, 'holder', 'token', 'until')
  if leads[1] ~= ARGV[20] or leads[2] ~= ARGV[21] or tonumber(leads[3]) <= now then return { 'lock-lost' } end
end
local found = redis.call('HMGET', head, 'lineage', 'serial')
if (found[1] or '') ~= ARGV[5] then return { 'lineage' } end
if not found[1] and redis.call('EXISTS', records) == 1 then return { 'lineage' } end
if (found[2] or '0') ~= ARGV[6] then return { 'moved' } end
for _, expected in ipairs(cjson.decode(ARGV[7])) do
  local record = redis.call('HGET', records, expected[1])
  local digest = record and (string.match(record, '^%S+ (%S+) ') or '?') or ''
  if digest ~= expected[2] then return { 'record', expected[1] } end
end
if redis.call('HLEN', staging) ~= tonumber(ARGV[10]) then return { 'moved' } end
local prunes = cjson.decode(ARGV[8])
if redis.call('EXISTS', holds) == 1 then
  if ARGV[18] == '1' and redis.call('HEXISTS', holds, 'environment') == 1 then return { 'suspended', '' } end
  for _, addresses in ipairs({ redis.call('HKEYS', staging), prunes }) do
    for _, address in ipairs(addresses) do
      if redis.call('HEXISTS', holds, address) == 1 then return { 'suspended', address } end
    end
  end
end
local serial = tonumber(ARGV[6]) + 1
local function keep(address, digest)
  local record = redis.call('HGET', records, address)
  local kept = record and string.match(record, '^%S+ (%S+) ')
  if not kept or kept == digest then return end
  redis.call('HSET', archive, kept, record)
  redis.call('ZADD', archived, serial, kept)
end
local function list(flat)
  for first = 1, #flat, 2 do
    redis.call('HSET', inventory, flat[first], string.match(flat[first + 1], '^%S+ (%S+) ') or '?')
  end
end
if redis.call('HGET', inventory, '') ~= ARGV[6] then
  redis.call('DEL', inventory)
  list(redis.call('HGETALL', records))
end
local staged = redis.call('HGETALL', staging) list(staged)
for first = 1, #staged, 2 do keep(staged[first], string.match(staged[first + 1], '^%S+ (%S+) ')) end
for first = 1, #staged, 1000 do
  redis.call('HSET', records, unpack(staged, first, math.min(first + 999, #staged)))
end
for _, address in ipairs(prunes) do
  keep(address, '')
  for _, held in ipairs({ records, inventory }) do redis.call('HDEL', held, address) end
end
redis.call('DEL', head, staging)
redis.call('HSET', head, unpack(cjson.decode(ARGV[11])))
redis.call('HSET', inventory, '', string.format('%d', serial))
redis.call('ZADD', plans, serial, ARGV[3])
redis.call('ZREMRANGEBYRANK', plans, 0, -1 - ARGV[15])
redis.call('XADD', history, 'MAXLEN', '~', ARGV[14], string.format('%d-0', serial), 'apply', ARGV[4], 'entry', ARGV[12],
  'seal', ARGV[13])
local last = string.format('%d', serial - ARGV[16])
local gone = redis.call('ZRANGEBYSCORE', archived, '-inf', last, 'LIMIT', 0, ARGV[17])
if #gone > 0 then
  redis.call('HDEL', archive, unpack(gone))
  redis.call('ZREM', archived, unpack(gone))
end
redis.call('HDEL', holds, 'history-held', 'history-accepted')
if ARGV[19] ~= '' then redis.call('HSET', holds, 'rolled-back', ARGV[19]) end
for _, intent in ipairs(cjson.decode(ARGV[9])) do
  if redis.call('HSETNX', intents, intent[1], string.format('%d', serial)) == 1 and intent[2] ~= '' then
    redis.call('HSET', pending, intent[1], intent[2])
  end
end
for _, trigger in ipairs(cjson.decode(ARGV[22])) do redis.call('HSET', triggers, trigger[1], trigger[2]) end
return { 'applied', serial }
`);

/** All of it or nothing, whenever this process or Redis dies. The caller holds the writer's lock. */
export async function applyPlan(redis: Redis, request: ApplyRequest): Promise<ApplyAnswer> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const answer = await tryApply(redis, request, randomUUID());
    if (answer !== "moved") return answer;
  }
  throw new TransientFailure("STATE_BUSY", `The state of environment ${request.env} keeps changing under this apply`);
}

async function tryApply(redis: Redis, request: ApplyRequest, applyId: string): Promise<ApplyAnswer | "moved"> {
  const sealing = sealingOf(redis, request.env);
  const before = await readBefore(redis, sealing);
  const serial = (before.kept?.head.serial ?? 0) + 1;
  const head: StateHead = {
    env: request.env,
    lineage: request.lineage === "" ? request.newLineage : request.lineage,
    serial,
    commit: request.commit,
    policyDigest: request.policyDigest,
    appliedAt: request.appliedAt,
  };
  const records = request.writes.map((record) => ({ ...record, serial }));
  const staging = stagingKey(request.env, applyId);
  const staged = await stageRecords(redis, staging, records, { ...sealing, lineage: head.lineage });
  const sealed = sealing.key === undefined ? null : sealedAfter(before, staged, request.prunes);
  const args = switchArguments({ request, applyId, kept: { head, sealed }, sealing, staged: staged.size });
  return readAnswer(await runScript(redis, SWITCH, switchKeys(request.env, staging), args), head);
}

type Before = Pick<KeptState, "kept" | "seals">;

/** The seals of all records are needed only where a key binds them to the head: that read verifies each of them. */
async function readBefore(redis: Redis, sealing: Sealing): Promise<Before> {
  if (sealing.key !== undefined) return await readKeptState(redis, sealing);
  return { kept: await readKeptHead(redis, sealing), seals: new Map() };
}

function sealedAfter(
  { kept, seals }: Before,
  staged: ReadonlyMap<string, string>,
  prunes: readonly Address[],
): SealedSet {
  const next = new Map([...seals, ...staged]);
  for (const address of prunes) next.delete(address);
  return { digest: sealsDigest(next), from: kept?.sealed?.from ?? 0 };
}

function switchKeys(env: string, staging: string): string[] {
  const keys = environmentKeys(env);
  const state = [keys.head, keys.records, keys.lock, keys.plans, keys.history, keys.intents, keys.pendingIntents];
  const { inventory, archive, archived, holds, leader, pendingTriggers } = keys;
  return [...state, staging, inventory, archive, archived, holds, leader, pendingTriggers];
}

interface SwitchInput {
  readonly request: ApplyRequest;
  readonly applyId: string;
  readonly kept: KeptHead;
  readonly sealing: Sealing;
  /** How many records are staged. */
  readonly staged: number;
}

/** Every record that is other than before, so that others need not read them all; null where there are too many to tell. */
function writtenRecords({ writes, prunes }: ApplyRequest): readonly Address[] | null {
  const addresses = [...writes.map(({ address }) => address), ...prunes];
  return addresses.length > STORE_LIMITS.toldRecords ? null : addresses;
}

function switchArguments({ request, applyId, kept, sealing, staged }: SwitchInput): (string | number)[] {
  const { planId, planDigest, commit, appliedAt, lock } = request;
  const { serial, lineage } = kept.head;
  const intents = request.taskIntents.map((intent) => [
    intent.key,
    request.tasksHaveRun === true ? "" : JSON.stringify({ ...intent, planDigest, commit, serial }),
  ]);
  const facts = { facts: request.history, written: writtenRecords(request) };
  const entry = JSON.stringify({ serial, lineage, planId, planDigest, commit, appliedAt, ...facts });
  const { keptApplies, keptPlans, rollbackApplies, collectedAtOnce } = STORE_LIMITS;
  return [
    lock.holder,
    lock.token,
    planId,
    applyId,
    request.lineage,
    serial - 1,
    JSON.stringify(request.touched.map(({ address, digest }) => [address, digest ?? ""])),
    JSON.stringify(request.prunes),
    JSON.stringify(intents),
    staged,
    JSON.stringify(sealHead(kept, sealing)),
    entry,
    sealEntry(entry, serial, sealing),
    keptApplies,
    keptPlans,
    rollbackApplies,
    collectedAtOnce,
    request.automatic === true ? "1" : "0",
    request.restores === undefined ? "" : JSON.stringify({ ...request.restores, serial }),
    request.lead?.holder ?? "",
    request.lead?.token ?? "",
    JSON.stringify((request.triggers ?? []).map((trigger) => [trigger.address, JSON.stringify(trigger)])),
  ];
}

function readAnswer(answer: unknown, head: StateHead): ApplyAnswer | "moved" {
  const what = `the answer to the apply in environment ${head.env}`;
  const [outcome, detail] = listOf(what, answer);
  switch (outcome) {
    case "applied":
      return { outcome: "applied", serial: numberOf(what, detail), lineage: head.lineage };
    case "lock-lost":
    case "used":
      return { outcome };
    case "lineage":
      return { outcome: "stale", what: "lineage" };
    case "record":
      return { outcome: "stale", what: "record", address: readAddress(what, detail) };
    case "suspended":
      return { outcome: "stale", what: "suspended", address: detail === "" ? null : readAddress(what, detail) };
    case "moved":
      return "moved";
    default:
      throw corrupt(what, `\`${String(outcome)}\` is unknown`);
  }
}

function readAddress(what: string, value: unknown): Address {
  const text = textOf(what, value);
  if (parseAddress(text) === undefined) throw corrupt(what, "it names no address");
  return text as Address;
}
