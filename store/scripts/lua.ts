// Pieces of Lua that several scripts share. Each is prepended to a script's own text.
import { hasEnded, TASK_PHASES } from "../../contracts/task.ts";
import { CHARGE_LENGTH, LEDGER_FIELDS } from "../ledger.ts";

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

/** `holds(task_phase, activations, id, holder, epoch)`: a live lease of exactly this grant, in a task that has not ended. */
export const HOLDS = `${NOW}${HAS_ENDED}
local function holds(task_phase, activations, id, holder, epoch)
  if not task_phase or has_ended[task_phase] then return false end
  local lease = redis.call('HMGET', activations, id .. '/phase', id .. '/holder', id .. '/epoch', id .. '/until')
  return lease[1] == 'Leased' and lease[2] == holder and lease[3] == epoch and tonumber(lease[4]) > now
end
`;

/**
 * A record in the arguments, from ARGV[at]: seq and head expected · seq and hash of the last event · the events' texts, one a
 * line · number of steps and of charges · id and text of each step · each charge (see chargeArguments). It is one entry of
 * the journal, under the seq of its last event: an entry for each event would cost as much as all the rest.
 *
 * `ledger_in(found, at)`: the amounts out of what HMGET found, where they stand from `at` (see LEDGER) ·
 * `told(ledger)`: the amounts as an answer, a line each: clients read one text in a fraction of the time of a list ·
 * `put(fields, name, value)`: adds to arguments of HSET · `record_end(at)`: the place in ARGV behind it ·
 * `is_repeated(journal, at)`: this very command was carried out before (its answer was lost on the way) ·
 * `is_next(seq, head, at)`: nobody wrote since the record was made ·
 * `charged(ledger, at)`: the amounts after the charges, or nil where one of them would exceed a limit; a cost that nobody
 * knows exceeds any limit on money ·
 * `write_record(task, journal, steps, ledger, at, fields)`: writes it with the amounts that `charged` answered, where it has
 * charges, and with more fields and values of the task; answers seq, head and where in ARGV it ends.
 */
export const RECORD = `
local function ledger_in(found, at)
  return { unpack(found, at, at + ${LEDGER_FIELDS.length - 1}) }
end
local function told(ledger)
  local lines = {}
  for index = 1, ${LEDGER_FIELDS.length} do lines[index] = ledger[index] or '' end
  return table.concat(lines, '\\n')
end
local function is_repeated(journal, at)
  if ARGV[at + 3] == '' then return false end
  local found = redis.call('XRANGE', journal, ARGV[at + 2] .. '-0', ARGV[at + 2] .. '-0')
  return #found == 1 and found[1][2][2] == ARGV[at + 3]
end
local function is_next(seq, head, at)
  return seq == ARGV[at] and head == ARGV[at + 1]
end
local function charges_at(at)
  return at + 7 + 2 * ARGV[at + 5]
end
local function record_end(at)
  return charges_at(at) + ${CHARGE_LENGTH} * ARGV[at + 6]
end
local function is_beyond(amount, limit)
  return limit ~= '' and amount > tonumber(limit)
end
local function count_call(calls, tool)
  local counts = calls and calls ~= '' and cjson.decode(calls) or {}
  counts[tool] = (counts[tool] or 0) + 1
  return cjson.encode(counts), counts[tool]
end
local function charged(ledger, at)
  if ARGV[at + 6] == '0' then return ledger end
  local input, output, reserved = tonumber(ledger[1]), tonumber(ledger[2]), tonumber(ledger[3])
  local cost, micros = ledger[4] ~= '' and tonumber(ledger[4]) or nil, tonumber(ledger[5] or 0)
  local steps, calls, times = tonumber(ledger[6] or 0), ledger[7] or '', 0
  local first = charges_at(at)
  for from = first, first + ${CHARGE_LENGTH} * ARGV[at + 6] - 1, ${CHARGE_LENGTH} do
    local kind = ARGV[from]
    if kind == 'reserve' then
      reserved, micros, steps = reserved + ARGV[from + 1], micros + ARGV[from + 3], steps + 1
      if is_beyond(input + output + reserved, ARGV[from + 2]) or is_beyond(steps, ARGV[from + 5]) then return nil end
      if ARGV[from + 4] ~= '' then
        if not cost or is_beyond(math.ceil(cost * 1000000 - 0.001) + micros, ARGV[from + 4]) then return nil end
      end
      if ARGV[from + 6] ~= '' then
        calls, times = count_call(calls, ARGV[from + 6])
        if is_beyond(times, ARGV[from + 7]) then return nil end
      end
    else
      reserved, micros = math.max(0, reserved - ARGV[from + 1]), math.max(0, micros - ARGV[from + 3])
      input, output = input + ARGV[from + 2], output + ARGV[from + 4]
      if kind == 'settle' then cost = cost and ARGV[from + 5] ~= '' and cost + ARGV[from + 5] or nil end
    end
  end
  return { string.format('%d', input), string.format('%d', output), string.format('%d', reserved), ledger[4],
    string.format('%d', micros), string.format('%d', steps), calls }
end
local function charge_cost(task, ledger, at)
  local first = charges_at(at)
  for from = first, first + ${CHARGE_LENGTH} * ARGV[at + 6] - 1, ${CHARGE_LENGTH} do
    if ARGV[from] == 'settle' and ledger[4] ~= '' then
      if ARGV[from + 5] == '' then
        ledger[4] = ''
        redis.call('HSET', task, 'costUsd', '')
      elseif tonumber(ARGV[from + 5]) ~= 0 then
        ledger[4] = redis.call('HINCRBYFLOAT', task, 'costUsd', ARGV[from + 5])
      end
    end
  end
end
local ledger_fields = { ${LEDGER_FIELDS.map((field) => `'${field}'`).join(", ")} }
local function put(fields, name, value)
  table.insert(fields, name)
  table.insert(fields, value)
end
local function write_record(task, journal, steps, ledger, at, fields)
  local seq, head = ARGV[at], ARGV[at + 1]
  local first_charge = charges_at(at)
  -- Before the journal: where this is refused, the chain must not be longer than the task's head says.
  if first_charge > at + 7 then redis.call('HSET', steps, unpack(ARGV, at + 7, first_charge - 1)) end
  if ARGV[at + 3] ~= '' then
    seq, head = ARGV[at + 2], ARGV[at + 3]
    redis.call('XADD', journal, seq .. '-0', 'hash', head, 'event', ARGV[at + 4])
  end
  fields = fields or {}
  put(fields, 'seq', seq)
  put(fields, 'head', head)
  if ARGV[at + 6] ~= '0' then
    charge_cost(task, ledger, at)
    for index, name in ipairs(ledger_fields) do
      if name ~= 'costUsd' and ledger[index] then put(fields, name, ledger[index]) end
    end
  end
  redis.call('HSET', task, unpack(fields))
  return seq, head, record_end(at)
end
`;

/** The ledger's fields as arguments of HMGET: read in one call with whatever else a script needs of a task. */
export const LEDGER = LEDGER_FIELDS.map((field) => `'${field}'`).join(", ");

/**
 * Needs NOW. `settle_phase(task, activations, open)`: the task's phase as its open activations make it, Unknown before
 * WaitingApproval before Running. While it waits for an approval its time does not count (`pausedMs`).
 */
export const SETTLE_PHASE = `
local function settle_phase(task, activations, open)
  local phase = 'Running'
  for _, id in ipairs(redis.call('SMEMBERS', open)) do
    local found = redis.call('HGET', activations, id .. '/phase')
    if found == 'Unknown' then phase = 'Unknown' end
    if found == 'Waiting' and phase == 'Running' then phase = 'WaitingApproval' end
  end
  local since = redis.call('HGET', task, 'waitingSinceMs')
  local is_paused = since and since ~= ''
  if phase == 'WaitingApproval' and not is_paused then
    redis.call('HSET', task, 'waitingSinceMs', string.format('%d', now))
  elseif phase ~= 'WaitingApproval' and is_paused then
    redis.call('HINCRBY', task, 'pausedMs', string.format('%d', now - since))
    redis.call('HSET', task, 'waitingSinceMs', '')
  end
  redis.call('HSET', task, 'phase', phase)
end
`;
