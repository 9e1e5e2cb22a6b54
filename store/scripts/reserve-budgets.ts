// Reserves what a call may use of ledgers that many tasks share: of all of them, or of none.
import type { Redis } from "../connect.ts";
import { budgetKeys } from "../keys.ts";
import { corrupt, listOf, numberOf, textOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { NOW } from "./lua.ts";

export interface SharedClaim {
  readonly account: string;
  /** null: for ever. */
  readonly windowMs: number | null;
  readonly amount: number;
  readonly limit: number | null;
  /** Reserved until it is settled; otherwise it is spent at once. */
  readonly settles: boolean;
}

/** Where a claim was counted: the account, and the window of time where it has some. */
export interface Reserved {
  readonly account: string;
  readonly entry: string;
  readonly amount: number;
  readonly settles: boolean;
}

export interface ReserveAnswer {
  readonly outcome: "reserved" | "refused";
  /** Account → what was spent and reserved of it before. */
  readonly before: Readonly<Record<string, number>>;
  /** Empty where it was refused. */
  readonly reserved: readonly Reserved[];
}

/** No call lasts longer; a reservation that does was lost with its runner, and stays spent at its estimate. */
const RESERVATION_MS = 6 * 3_600_000;
/** A ledger without windows that nobody used for so long is forgotten: its agent is long gone. */
const IDLE_MS = 400 * 86_400_000;
/** Old windows and reservations that one script clears away: enough to keep up, few enough to be quick. */
const SWEEP = 20;

/**
 * KEYS  1 budgets · 2 when each is forgotten · 3 reservations · 4 since when each stands
 * ARGV  1 id of the reservation, or '': only looks, at what is spent and not at what is held · 2 longest life of a
 *       reservation in ms · 3 life of an unused ledger in ms · 4 how many to clear away · from 5 account, window in ms or '', amount, limit or '', whether it is settled later, of each claim
 * Answers {'reserved' or 'refused', entry and amount before of each claim…}.
 * Invariants: nothing is counted where one limit would be exceeded. What is counted comes back only by a settlement of
 * this very reservation: one whose runner is lost stays spent at its estimate.
 */
const RESERVE = defineScript(`${NOW}
local budgets, until_when, reservations, since = unpack(KEYS)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', since, '-inf', string.format('%d', now - ARGV[2]), 'LIMIT', 0, ARGV[4])) do
  for _, item in ipairs(cjson.decode(redis.call('HGET', reservations, id) or '[]')) do
    redis.call('HINCRBY', budgets, 'reserved ' .. item[1], -item[2])
    redis.call('HINCRBY', budgets, 'spent ' .. item[1], item[2])
  end
  redis.call('HDEL', reservations, id)
  redis.call('ZREM', since, id)
end
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', until_when, '-inf', string.format('%d', now), 'LIMIT', 0, ARGV[4])) do
  redis.call('HDEL', budgets, 'reserved ' .. entry, 'spent ' .. entry)
  redis.call('ZREM', until_when, entry)
end

local answer, is_within = { 'reserved' }, true
for from = 5, #ARGV, 5 do
  local window, forgotten_at = '', now + ARGV[3]
  if ARGV[from + 1] ~= '' then
    local number = math.floor(now / ARGV[from + 1])
    window = string.format('%d', number)
    forgotten_at = (number + 2) * ARGV[from + 1] + 2 * ARGV[2]
  end
  local entry = ARGV[from] .. '|' .. window
  local found = redis.call('HMGET', budgets, 'spent ' .. entry, 'reserved ' .. entry)
  local before = (found[1] or 0) + (ARGV[1] ~= '' and found[2] or 0)
  if ARGV[from + 3] ~= '' and before + ARGV[from + 2] > tonumber(ARGV[from + 3]) then is_within = false end
  table.insert(answer, entry)
  table.insert(answer, string.format('%d', before))
  table.insert(answer, string.format('%d', forgotten_at))
end
if not is_within then answer[1] = 'refused' end
if not is_within or ARGV[1] == '' then return answer end

local open = {}
for from = 5, #ARGV, 5 do
  local at = 2 + 3 * ((from - 5) / 5)
  local entry, amount = answer[at], ARGV[from + 2]
  if ARGV[from + 4] == '1' then
    redis.call('HINCRBY', budgets, 'reserved ' .. entry, amount)
    table.insert(open, { entry, amount })
  else
    redis.call('HINCRBY', budgets, 'spent ' .. entry, amount)
  end
  redis.call('ZADD', until_when, answer[at + 2], entry)
end
if #open > 0 then
  redis.call('HSET', reservations, ARGV[1], cjson.encode(open))
  redis.call('ZADD', since, string.format('%d', now), ARGV[1])
end
return answer
`);

/**
 * `id` names this reservation and no other: one that is asked for again, because its answer was lost, counts twice. null:
 * nothing is reserved; the answer tells whether the limits leave enough beside what is spent, whatever others hold.
 */
export async function reserveBudgets(
  redis: Redis,
  env: string,
  id: string | null,
  claims: readonly SharedClaim[],
): Promise<ReserveAnswer> {
  const what = "the answer to a reservation";
  const flat = claims.flatMap(({ account, windowMs, amount, limit, settles }) => [
    account,
    windowMs ?? "",
    amount,
    limit ?? "",
    settles ? 1 : 0,
  ]);
  const keys = budgetKeys(env);
  const script = [keys.budgets, keys.until, keys.reservations, keys.since];
  const answer = listOf(
    what,
    await runScript(redis, RESERVE, script, [id ?? "", RESERVATION_MS, IDLE_MS, SWEEP, ...flat]),
  );
  const [outcome, ...rest] = answer;
  if (outcome !== "reserved" && outcome !== "refused") throw corrupt(what, `\`${String(outcome)}\` is unknown`);
  const found = claims.map(({ account, amount, settles }, index) => ({
    reserved: { account, entry: textOf(what, rest[3 * index]), amount, settles },
    before: numberOf(what, rest[3 * index + 1]),
  }));
  return {
    outcome,
    before: Object.fromEntries(found.map(({ reserved, before }) => [reserved.account, before])),
    reserved: outcome === "refused" || id === null ? [] : found.map(({ reserved }) => reserved),
  };
}
