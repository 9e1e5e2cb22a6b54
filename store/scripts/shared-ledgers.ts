// What calls take of ledgers that many tasks share: the pieces of Lua that look, reserve and settle, and their arguments.
// They go into the script that writes the call's record, so that both are written, or neither.
import { numberOf } from "../reply.ts";

/** What of a call is known only afterwards. */
export type SettledMeter = "tokens" | "micro_usd";

/** What one call takes of one ledger. */
export interface SharedClaim {
  readonly account: string;
  /** null: for ever. */
  readonly windowMs: number | null;
  readonly amount: number;
  /** Beyond it nothing is reserved; null: no limit. */
  readonly limit: number | null;
  /** Beyond it the reservation must be told so (`anyway`) before it is made; null: nobody asks. */
  readonly watched: number | null;
  /** By what it is settled after the call; null: it is spent at once. */
  readonly settles: SettledMeter | null;
}

/** What becomes of shared ledgers in one piece with a record. */
export type SharedChange =
  /** All of the claims, or none. `anyway`: whoever decided knows that what is watched is exceeded. */
  | {
      readonly kind: "reserve";
      readonly id: string;
      readonly claims: readonly SharedClaim[];
      readonly anyway: boolean;
    }
  /** What the call really used takes the place of its estimate; null: nobody knows, and the estimate stands. */
  | { readonly kind: "settle"; readonly id: string; readonly used: Readonly<Record<SettledMeter, number | null>> };

/** No call lasts longer; a reservation that does was lost with its runner, and stays spent at its estimate. */
const RESERVATION_MS = 6 * 3_600_000;
/** A ledger without windows that nobody used for so long is forgotten: its agent is long gone. */
const IDLE_MS = 400 * 86_400_000;
/** Old windows and reservations that one script clears away: enough to keep up, few enough to be quick. */
const SWEEP = 20;

/** How many arguments stand for one claim: account, window in ms or '', amount, limit or '', watched or '', meter or ''. */
const CLAIM_LENGTH = 6;

export function claimArguments(claims: readonly SharedClaim[]): (string | number)[] {
  return claims.flatMap(({ account, windowMs, amount, limit, watched, settles }) => [
    account,
    windowMs ?? "",
    amount,
    limit ?? "",
    watched ?? "",
    settles ?? "",
  ]);
}

export function sharedArguments(change: SharedChange): (string | number)[] {
  switch (change.kind) {
    case "reserve":
      return ["reserve", change.id, change.anyway ? 1 : "", ...claimArguments(change.claims)];
    case "settle":
      return ["settle", change.id, change.used.tokens ?? "", change.used.micro_usd ?? ""];
  }
}

/** Account → what the script found of it. */
export function readAmounts(
  what: string,
  claims: readonly SharedClaim[],
  amounts: readonly unknown[],
): Readonly<Record<string, number>> {
  return Object.fromEntries(claims.map(({ account }, index) => [account, numberOf(what, amounts[index])]));
}

/**
 * Needs `now`. `look_at(budgets, at, last, counts_held)`: the claims in ARGV from `at` to `last`, each with its entry (the
 * account and the number of its window) and what was spent of it before, and held where that counts; whether one of them
 * exceeds its limit, and whether one exceeds what is watched · `amounts_before(claims)`: for the answer.
 */
export const LOOK_AT = `
local function look_at(budgets, at, last, counts_held)
  local claims, is_over, is_watched = {}, false, false
  for from = at, last, ${CLAIM_LENGTH} do
    local window, forgotten_at = '', now + ${IDLE_MS}
    if ARGV[from + 1] ~= '' then
      local number = math.floor(now / ARGV[from + 1])
      window = string.format('%d', number)
      forgotten_at = (number + 2) * ARGV[from + 1] + ${2 * RESERVATION_MS}
    end
    local entry = ARGV[from] .. '|' .. window
    local found = redis.call('HMGET', budgets, 'spent ' .. entry, 'reserved ' .. entry)
    local before = (found[1] or 0) + (counts_held and found[2] or 0)
    local after = before + ARGV[from + 2]
    if ARGV[from + 3] ~= '' and after > tonumber(ARGV[from + 3]) then is_over = true end
    if ARGV[from + 4] ~= '' and after > tonumber(ARGV[from + 4]) then is_watched = true end
    table.insert(claims, { entry = entry, before = before, forgotten_at = forgotten_at,
      amount = ARGV[from + 2], meter = ARGV[from + 5] })
  end
  return claims, is_over, is_watched
end
local function amounts_before(claims)
  local amounts = {}
  for index, claim in ipairs(claims) do amounts[index] = string.format('%d', claim.before) end
  return amounts
end
`;

/**
 * Needs `now`; `shared` holds the keys budgets, when each is forgotten, reservations, since when each stands. ·
 * `reserve(shared, id, claims)`: what is settled later is held under the id, all else is spent at once ·
 * `settle(shared, id, used)`: `used` has the amount of each meter, or '' where the estimate stands. A reservation that was
 * settled, or given up for lost, is left as it is ·
 * `clear_away(shared)`: reservations of lost runners become spent, and windows that are over are forgotten.
 */
export const SHARED_LEDGERS = `${LOOK_AT}
local function reserve(shared, id, claims)
  local open = {}
  for _, claim in ipairs(claims) do
    if claim.meter ~= '' then
      redis.call('HINCRBY', shared.budgets, 'reserved ' .. claim.entry, claim.amount)
      table.insert(open, { claim.entry, claim.amount, claim.meter })
    else
      redis.call('HINCRBY', shared.budgets, 'spent ' .. claim.entry, claim.amount)
    end
    redis.call('ZADD', shared.until_when, string.format('%d', claim.forgotten_at), claim.entry)
  end
  if #open == 0 then return end
  redis.call('HSET', shared.reservations, id, cjson.encode(open))
  redis.call('ZADD', shared.since, string.format('%d', now), id)
end
local function settle(shared, id, used)
  for _, item in ipairs(cjson.decode(redis.call('HGET', shared.reservations, id) or '[]')) do
    local entry, amount, meter = item[1], item[2], item[3]
    local actual = used[meter] or ''
    redis.call('HINCRBY', shared.budgets, 'reserved ' .. entry, string.format('%d', -amount))
    redis.call('HINCRBY', shared.budgets, 'spent ' .. entry, actual ~= '' and actual or amount)
  end
  redis.call('HDEL', shared.reservations, id)
  redis.call('ZREM', shared.since, id)
end
local function clear_away(shared)
  local lost_before = string.format('%d', now - ${RESERVATION_MS})
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', shared.since, '-inf', lost_before, 'LIMIT', 0, ${SWEEP})) do
    settle(shared, id, {})
  end
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', shared.until_when, '-inf', string.format('%d', now), 'LIMIT', 0, ${SWEEP})) do
    redis.call('HDEL', shared.budgets, 'reserved ' .. entry, 'spent ' .. entry)
    redis.call('ZREM', shared.until_when, entry)
  end
end
`;
