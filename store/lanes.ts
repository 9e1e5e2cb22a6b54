// Lanes: one BullMQ queue for each set of requirements that tasks have, and the index by which runners find them. A runner
// listens at the lanes whose requirements it meets, so no bell ever reaches one that has to refuse it.
import { digestText } from "../contracts/canonical.ts";
import { type Requirements, requirementsText } from "../contracts/matching.ts";
import { ask } from "./ask.ts";
import { readRequirementsText } from "./bell-terms.ts";
import type { Redis } from "./connect.ts";
import { laneKeys, lanesChannel, lanesKey, QUEUE_NAME } from "./keys.ts";
import { defineScript, runScript } from "./script.ts";

export interface Lane {
  /** BullMQ's name of the queue. */
  readonly queue: string;
  /** Canonical; empty for the lane of tasks that require nothing, which is always there. */
  readonly text: string;
}

export const OPEN_LANE: Lane = { queue: QUEUE_NAME, text: "" };

export function laneOf(requirements: Requirements): Lane {
  const text = requirementsText(requirements);
  return text === "" ? OPEN_LANE : laneNamed(text);
}

function laneNamed(text: string): Lane {
  return { queue: `${QUEUE_NAME}-${digestText(text).slice("sha256:".length, "sha256:".length + 16)}`, text };
}

/** So long a lane stays in the index after it was last rung in, if nothing is left in it. */
const IDLE_MS = 3_600_000;

/**
 * KEYS  1 the index
 * ARGV  1 the lane's text · 2 now in ms · 3 channel
 * Tells the runners of a lane that is new.
 */
const NOTE = defineScript(`
if redis.call('ZADD', KEYS[1], 'GT', 'CH', ARGV[2], ARGV[1]) == 1 then redis.call('PUBLISH', ARGV[3], '') end
`);

/** To be done before a bell rings in the lane: a lane that is not in the index is listened at by nobody. */
export async function noteLane(redis: Redis, env: string, lane: Lane, nowMs: number): Promise<void> {
  await runScript(redis, NOTE, [lanesKey(env)], [lane.text, nowMs, lanesChannel(env)]);
}

/** The open lane is none of them. An entry that nobody can read is left out: a task that has it will never match. */
export async function listLanes(redis: Redis, env: string): Promise<{ lane: Lane; requirements: Requirements }[]> {
  const texts = await ask(redis, () => redis.zrange(lanesKey(env), "0", "-1"));
  return texts.map((text) => ({
    lane: laneNamed(text),
    requirements: readRequirementsText(`the lane ${text}`, text),
  }));
}

/**
 * KEYS  1 the index · 2-5 the places in which BullMQ keeps jobs · the rest: what else is kept of the lane
 * ARGV  1 the lane's text · 2 last use in ms before which it is idle
 */
const DROP = defineScript(`
local used = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not used or tonumber(used) > tonumber(ARGV[2]) then return end
if redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[4], KEYS[5]) > 0 then return end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('DEL', unpack(KEYS, 6))
`);

/** Forgets lanes in which nothing was rung for an hour and nothing is left. */
export async function dropIdleLanes(redis: Redis, env: string, nowMs: number): Promise<void> {
  const idleSince = nowMs - IDLE_MS;
  const texts = await ask(redis, () => redis.zrangebyscore(lanesKey(env), "-inf", idleSince));
  for (const text of texts) {
    const { jobs, rest } = laneKeys(env, laneNamed(text).queue);
    await runScript(redis, DROP, [lanesKey(env), ...jobs, ...rest], [text, idleSince]);
  }
}

/** As `subscribeLooks`: a connection of its own, and what is missed is found by the next look. Answers how to stop. */
export function subscribeLanes(subscriber: Redis, env: string, look: () => void): () => void {
  const listener = (): void => look();
  subscriber.on("message", listener);
  void subscriber.subscribe(lanesChannel(env)).catch(() => undefined);
  return () => {
    subscriber.off("message", listener);
  };
}
