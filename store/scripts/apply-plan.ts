// Applies a plan to the state: records are staged, then one script checks everything and switches them at once.
import { randomUUID } from "node:crypto";
import { type Address, parseAddress } from "../../contracts/address.ts";
import type { Digest } from "../../contracts/canonical.ts";
import { TransientFailure } from "../../contracts/failure.ts";
import type { StateHead, StateRecord } from "../../contracts/record.ts";
import { ask } from "../ask.ts";
import type { Redis } from "../connect.ts";
import { environmentKeys, stagingKey } from "../keys.ts";
import { corrupt, listOf, numberOf, textOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { sealHead, sealRecord } from "../sealed-record.ts";
import { readHead } from "../state.ts";
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

/** Long enough for the largest set; what a crash leaves behind goes away by itself. */
const STAGING_MS = 600_000;
const STAGING_CHUNK = 500;
const KEPT_APPLIES = 10_000;
const TRIES = 3;

/**
 * KEYS  1 head · 2 records · 3 lock · 4 plans · 5 history · 6 intents · 7 pending intents · 8 staging · 9 inventory
 * ARGV  1 lock holder · 2 lock token · 3 plan id · 4 apply id · 5 expected lineage ('' for none) · 6 expected serial
 *       7 touched as JSON [[address, digest or '']] · 8 prunes as JSON · 9 intents as JSON [[key, JSON of the intent]]
 *       10 number of staged records · 11 new head as JSON, flat · 12 history entry · 13 how many applies are kept
 * Answers {'applied', serial} or {'lock-lost'}, {'used'}, {'lineage'}, {'record', address}, {'moved'} (the serial is no
 * longer what the records were sealed for: stage again).
 * Invariants: every check stands before the first write; state, head, history, plan and intents change together. The
 * inventory says what applies alone have written, and for which serial: one that does not speak for the state as it is
 * (made by a version without it) begins anew with what is there.
 */
const SWITCH = defineScript(`${NOW}
local head, records, lock, plans, history, intents, pending, staging, inventory = unpack(KEYS)
local used = redis.call('ZSCORE', plans, ARGV[3])
if used then
  local entry = redis.call('XRANGE', history, used .. '-0', used .. '-0')
  if #entry == 1 and entry[1][2][2] == ARGV[4] then return { 'applied', tonumber(used) } end
  return { 'used' }
end
local held = redis.call('HMGET', lock, 'holder', 'token', 'until')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] or tonumber(held[3]) <= now then return { 'lock-lost' } end
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

local function list(flat)
  for first = 1, #flat, 2 do
    redis.call('HSET', inventory, flat[first], string.match(flat[first + 1], '^%S+ (%S+) ') or '?')
  end
end
if redis.call('HGET', inventory, '') ~= ARGV[6] then
  redis.call('DEL', inventory)
  list(redis.call('HGETALL', records))
end
local staged = redis.call('HGETALL', staging)
list(staged)
for first = 1, #staged, 1000 do
  redis.call('HSET', records, unpack(staged, first, math.min(first + 999, #staged)))
end
for _, address in ipairs(cjson.decode(ARGV[8])) do
  redis.call('HDEL', records, address)
  redis.call('HDEL', inventory, address)
end
redis.call('DEL', head, staging)
redis.call('HSET', head, unpack(cjson.decode(ARGV[11])))
local serial = tonumber(ARGV[6]) + 1
redis.call('HSET', inventory, '', string.format('%d', serial))
redis.call('ZADD', plans, serial, ARGV[3])
redis.call('ZREMRANGEBYRANK', plans, 0, -1 - ARGV[13])
redis.call('XADD', history, 'MAXLEN', '~', ARGV[13], string.format('%d-0', serial), 'apply', ARGV[4], 'entry', ARGV[12])
for _, intent in ipairs(cjson.decode(ARGV[9])) do
  if redis.call('HSETNX', intents, intent[1], string.format('%d', serial)) == 1 then
    redis.call('HSET', pending, intent[1], intent[2])
  end
end
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
  const serial = (await readHead(redis, request.env))?.serial ?? 0;
  const head: StateHead = {
    env: request.env,
    lineage: request.lineage === "" ? request.newLineage : request.lineage,
    serial: serial + 1,
    commit: request.commit,
    policyDigest: request.policyDigest,
    appliedAt: request.appliedAt,
  };
  await stage(redis, request, applyId, head.serial);
  const keys = environmentKeys(request.env);
  const answer = await runScript(
    redis,
    SWITCH,
    [
      keys.head,
      keys.records,
      keys.lock,
      keys.plans,
      keys.history,
      keys.intents,
      keys.pendingIntents,
      stagingKey(request.env, applyId),
      keys.inventory,
    ],
    switchArguments(request, applyId, head),
  );
  return readAnswer(answer, head);
}

/** In chunks, so that no command of a large apply holds Redis up for long. */
async function stage(redis: Redis, request: ApplyRequest, applyId: string, serial: number): Promise<void> {
  const key = stagingKey(request.env, applyId);
  for (let first = 0; first < request.writes.length; first += STAGING_CHUNK) {
    const chunk = request.writes.slice(first, first + STAGING_CHUNK);
    const fields = chunk.flatMap((record) => [record.address, sealRecord({ ...record, serial })]);
    await ask(redis, () =>
      redis
        .multi()
        .hset(key, ...fields)
        .pexpire(key, STAGING_MS)
        .exec(),
    );
  }
}

function switchArguments(request: ApplyRequest, applyId: string, head: StateHead): (string | number)[] {
  const { planId, planDigest, commit, appliedAt, lock } = request;
  const { serial } = head;
  const intents = request.taskIntents.map((intent) => [
    intent.key,
    JSON.stringify({ ...intent, planDigest, commit, serial }),
  ]);
  const entry = { serial, planId, planDigest, commit, appliedAt, facts: request.history };
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
    new Set(request.writes.map((record) => record.address)).size,
    JSON.stringify(sealHead(head)),
    JSON.stringify(entry),
    KEPT_APPLIES,
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
