// The order of bells in a lane: priorities, and fair shares between namespaces, written as scores of BullMQ's own zset of
// prioritized jobs (start-time fair queueing; Goyal, Vin, Cheng 1996).
//
// Each namespace walks along a line on which an activation is one step; the bell that is furthest behind rings first. So
// a namespace that comes with its first bell stands beside the head of a flood of ten thousand, not behind its tail. A
// priority is a start ahead of the next lower one: within it priorities order strictly, beyond it they alternate, so that
// nobody starves. Groups would do the half of it, and are not in BullMQ's open edition.
import type { Priority } from "./bell-terms.ts";
import type { Redis } from "./connect.ts";
import { fairOrderKeys } from "./keys.ts";
import { defineScript, runScript } from "./script.ts";

/** How many activations a priority is ahead of the next lower one. */
export const HEAD_START = 32;

/**
 * What BullMQ is told as the priority of every bell: behind all that were placed. A bell whose placing was lost, or that
 * comes back from a delay, stays there until it is placed.
 */
export const UNPLACED_PRIORITY = 2 ** 20;

const LEVELS = { high: 0, normal: 1, low: 2 } as const;

/**
 * KEYS  1 BullMQ's prioritized jobs · 2 hash: how far each namespace has come
 * ARGV  job, namespace and level of each bell
 * A score is step · 2^18 + level · 2^16 + order of arrival: exact in a double, and below the unplaced, up to 2^34 steps.
 * Where nobody waits all begin anew.
 * Invariants: a bell that was placed keeps its place; of one namespace no bell stands before one of its higher priority
 * that was there already.
 */
const PLACE = defineScript(`
local waiting, shares = unpack(KEYS)
local function score_of(first) return tonumber(first or '') end
local head = score_of(redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')[2])
local now = 0
if head and head < ${2 ** 52} then
  local level = math.floor(head / ${2 ** 16}) % 4
  local known = score_of(redis.call('HGET', shares, 'now') or '') or 0
  now = math.max(known, math.floor(head / ${2 ** 18}) - level * ${HEAD_START})
else
  redis.call('DEL', shares)
end
for index = 1, #ARGV, 3 do
  local id, namespace, level = ARGV[index], ARGV[index + 1], tonumber(ARGV[index + 2])
  local score = score_of(redis.call('ZSCORE', waiting, id) or '')
  if score and score >= ${2 ** 52} then
    local step = now + level * ${HEAD_START}
    for higher = 0, level do
      local last = redis.call('HGET', shares, higher .. ':' .. namespace)
      if last then step = math.max(step, last + 1) end
    end
    redis.call('HSET', shares, level .. ':' .. namespace, string.format('%d', step))
    local order = redis.call('HINCRBY', shares, 'order', 1) % ${2 ** 16}
    redis.call('ZADD', waiting, 'XX', string.format('%.0f', step * ${2 ** 18} + level * ${2 ** 16} + order), id)
  end
end
redis.call('HSET', shares, 'now', string.format('%d', now))
`);

export interface PlacedBell {
  readonly jobId: string;
  readonly namespace: string;
  readonly priority: Priority;
}

/** Bells of one lane. Those that do not wait in it are left alone. */
export async function placeBells(
  redis: Redis,
  env: string,
  queue: string,
  bells: readonly PlacedBell[],
): Promise<void> {
  const { waiting, shares } = fairOrderKeys(env, queue);
  const args = bells.flatMap(({ jobId, namespace, priority }) => [jobId, namespace, LEVELS[priority]]);
  await runScript(redis, PLACE, [waiting, shares], args);
}
