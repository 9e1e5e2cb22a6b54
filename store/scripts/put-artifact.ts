// Keeps one result of a task whole, in pieces, within what a task may keep.
import type { TaskRef } from "../../contracts/task.ts";
import type { Redis } from "../connect.ts";
import { taskKeys } from "../keys.ts";
import { corrupt } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { HAS_ENDED } from "./lua.ts";

/**
 * KEYS  1 task · 2 artifacts
 * ARGV  1 id · 2 facts · 3 bytes of the text · 4 bytes that the task may keep · the pieces
 * Answers 'kept', 'full' or 'over' (the task has ended). Invariants: `bytes` is the sum of all texts and never above ARGV[4];
 * what is kept under an id does not change, whoever else comes with it.
 */
const PUT = defineScript(`${HAS_ENDED}
local phase = redis.call('HGET', KEYS[1], 'phase')
if not phase or has_ended[phase] then return 'over' end
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 'kept' end
local held = tonumber(redis.call('HGET', KEYS[2], 'bytes') or '0')
if held + tonumber(ARGV[3]) > tonumber(ARGV[4]) then return 'full' end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
for index = 5, #ARGV do redis.call('HSET', KEYS[2], ARGV[1] .. '/' .. (index - 5), ARGV[index]) end
redis.call('HINCRBY', KEYS[2], 'bytes', ARGV[3])
return 'kept'
`);

export type PutArtifactAnswer = "kept" | "full" | "over";

export interface NewArtifact {
  readonly id: string;
  readonly facts: string;
  readonly bytes: number;
  readonly pieces: readonly Buffer[];
}

export async function putArtifactPieces(
  redis: Redis,
  ref: TaskRef,
  { id, facts, bytes, pieces }: NewArtifact,
  taskBytes: number,
): Promise<PutArtifactAnswer> {
  const { task, artifacts } = taskKeys(ref);
  const answer = await runScript(redis, PUT, [task, artifacts], [id, facts, bytes, taskBytes, ...pieces]);
  if (answer === "kept" || answer === "full" || answer === "over") return answer;
  throw corrupt(`the answer to the artifact ${id}`, `\`${String(answer)}\` is unknown`);
}
