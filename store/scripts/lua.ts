// Pieces of Lua that several scripts share. Each is prepended to a script's own text.
import { hasEnded, TASK_PHASES } from "../../contracts/task.ts";

/** `now`: Redis' own clock in milliseconds. No other clock decides about a lease or a lock. */
export const NOW = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
`;

/** `has_ended[phase]`, made from the contract so that the two cannot differ. */
export const HAS_ENDED = `
local has_ended = { ${TASK_PHASES.filter(hasEnded)
  .map((phase) => `${phase} = true`)
  .join(", ")} }
`;

/** `holds(task, activations, id, holder, epoch)`: a live lease of exactly this grant, in a task that has not ended. */
export const HOLDS = `${NOW}${HAS_ENDED}
local function holds(task, activations, id, holder, epoch)
  local phase = redis.call('HGET', task, 'phase')
  if not phase or has_ended[phase] then return false end
  local lease = redis.call('HMGET', activations, id .. '/phase', id .. '/holder', id .. '/epoch', id .. '/until')
  return lease[1] == 'Leased' and lease[2] == holder and lease[3] == epoch and tonumber(lease[4]) > now
end
`;

/**
 * `is_repeated(journal, seq, hash)`: this very command was carried out before (its answer was lost on the way) ·
 * `write_events(journal, seq, from, count)`: count pairs of hash and event from ARGV[from], behind seq; answers seq, head.
 */
export const JOURNAL = `
local function is_repeated(journal, seq, hash)
  if hash == '' then return false end
  local found = redis.call('XRANGE', journal, seq .. '-0', seq .. '-0')
  return #found == 1 and found[1][2][2] == hash
end
local function write_events(journal, seq, head, from, count)
  for index = 0, count - 1 do
    seq = seq + 1
    head = ARGV[from + 2 * index]
    redis.call('XADD', journal, string.format('%d-0', seq), 'hash', head, 'event', ARGV[from + 2 * index + 1])
  end
  return seq, head
end
`;

/** `ledger_of(task)`: the four amounts, as text; an unknown cost is empty. */
export const LEDGER = `
local function ledger_of(task)
  return redis.call('HMGET', task, 'inputTokens', 'outputTokens', 'reservedTokens', 'costUsd')
end
`;
