// Settles what was reserved of shared ledgers: what the call really used takes the place of its estimate.
import type { Redis } from "../connect.ts";
import { budgetKeys } from "../keys.ts";
import { defineScript, runScript } from "../script.ts";

export interface Settlement {
  readonly entry: string;
  readonly reserved: number;
  readonly actual: number;
}

/**
 * KEYS  1 budgets · 2 reservations · 3 since when each stands
 * ARGV  1 id of the reservation · from 2 entry, reserved and actual of each
 * Answers 1, or 0 where the reservation was settled or given up before: then only what goes beyond the estimate is added.
 * Invariant: settling once more never takes anything back.
 */
const SETTLE = defineScript(`
local budgets, reservations, since = unpack(KEYS)
local is_open = redis.call('HDEL', reservations, ARGV[1])
redis.call('ZREM', since, ARGV[1])
for from = 2, #ARGV, 3 do
  local entry, reserved, actual = ARGV[from], ARGV[from + 1], ARGV[from + 2]
  if is_open == 1 then
    redis.call('HINCRBY', budgets, 'reserved ' .. entry, string.format('%d', -reserved))
    redis.call('HINCRBY', budgets, 'spent ' .. entry, actual)
  elseif actual - reserved > 0 then
    redis.call('HINCRBY', budgets, 'spent ' .. entry, string.format('%d', actual - reserved))
  end
end
return is_open
`);

export async function settleBudgets(
  redis: Redis,
  env: string,
  id: string,
  settlements: readonly Settlement[],
): Promise<void> {
  const keys = budgetKeys(env);
  const flat = settlements.flatMap(({ entry, reserved, actual }) => [entry, reserved, actual]);
  await runScript(redis, SETTLE, [keys.budgets, keys.reservations, keys.since], [id, ...flat]);
}
