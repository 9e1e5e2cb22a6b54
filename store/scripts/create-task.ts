// Writes a new task: its definition, its entry activations and the first events of its trace, all at once.
import { type NewTask, taskId } from "../../contracts/new-task.ts";
import type { TaskPhase } from "../../contracts/task.ts";
import { termsText } from "../bell-terms.ts";
import { checkLinks, eventLines } from "../chain.ts";
import type { Redis } from "../connect.ts";
import { taskKeys } from "../keys.ts";
import { listOf, textOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { sealingOf } from "../state.ts";
import { sealTask } from "../task-seal.ts";
import { NOW } from "./lua.ts";

/**
 * KEYS  1 task · 2 activations · 3 order · 4 open · 5 journal
 * ARGV  1 number of the task's flat fields · 2 seq and 3 hash of the last event · 4 the events' texts, one a line · from 5
 *       the fields · then id and agent of each activation
 * Answers {'created'} or {'exists', phase}. Invariant: a name is a task once, for ever.
 */
const CREATE = defineScript(`${NOW}
local task, activations, order, open, journal = unpack(KEYS)
local phase = redis.call('HGET', task, 'phase')
if phase then return { 'exists', phase } end
local first_activation = 5 + ARGV[1]
redis.call('XADD', journal, ARGV[2] .. '-0', 'hash', ARGV[3], 'event', ARGV[4])
redis.call('HSET', task, 'seq', ARGV[2], 'head', ARGV[3], 'queuedAtMs', string.format('%d', now),
  unpack(ARGV, 5, first_activation - 1))
for index = first_activation, #ARGV, 2 do
  local id = ARGV[index]
  redis.call('HSET', activations, id .. '/agent', ARGV[index + 1], id .. '/phase', 'Runnable', id .. '/holder', '',
    id .. '/epoch', 0, id .. '/attempts', 0, id .. '/until', 0, id .. '/runnableAt', 0, id .. '/messages', '[]')
  redis.call('RPUSH', order, id)
  redis.call('SADD', open, id)
end
return { 'created' }
`);

export type WriteAnswer = { readonly outcome: "created" } | { readonly outcome: "exists"; readonly phase: TaskPhase };

export async function writeTask(redis: Redis, task: NewTask): Promise<WriteAnswer> {
  const [first, last] = [task.events[0], task.events.at(-1)];
  if (first === undefined || last === undefined) throw new TypeError("a new task begins with an event");
  checkLinks({ seq: 0, head: first.prev }, task.events);
  const keys = taskKeys(task.ref);
  const named = taskFields(task);
  const seal = sealTask(sealingOf(redis, task.ref.env), taskId(task.ref), named);
  const fields = Object.entries({ ...named, seal }).flat();
  const entries = task.activations.flatMap(({ id, agent }) => [id, agent]);
  const what = `the answer to the creation of ${task.ref.name}`;
  const answer = listOf(
    what,
    await runScript(
      redis,
      CREATE,
      [keys.task, keys.activations, keys.order, keys.open, keys.journal],
      [fields.length, last.seq, last.hash, eventLines(task.events), ...fields, ...entries],
    ),
  );
  if (answer[0] === "created") return { outcome: "created" };
  return { outcome: "exists", phase: textOf(what, answer[1]) as TaskPhase };
}

/** The task's hash. Empty text stands for null. */
function taskFields(task: NewTask): Readonly<Record<string, string | number>> {
  return {
    phase: "Pending",
    system: task.system,
    manifest: task.manifest ?? "",
    input: JSON.stringify(task.input),
    graph: JSON.stringify(task.graphState),
    snapshot: task.snapshot,
    maxAttempts: task.maxAttempts,
    retryBackoffMs: task.retryBackoffMs,
    retry: JSON.stringify(task.retry),
    waitMs: task.limits.waitMs,
    durationMs: task.limits.durationMs,
    maxTurns: task.maxTurns ?? "",
    priority: termsText(task),
    source: task.source === null ? "" : JSON.stringify(task.source),
    plan: task.plan ?? "",
    trigger: task.trigger === undefined ? "" : JSON.stringify(task.trigger),
    requestedBy: task.requestedBy === undefined ? "" : JSON.stringify(task.requestedBy),
    createdAt: task.createdAt,
    startedAtMs: "",
    finishedAtMs: "",
    output: "",
    lastError: "",
    cancel: "",
    cancelledBy: "",
    inputTokens: 0,
    outputTokens: 0,
    reservedTokens: 0,
    costUsd: 0,
    reservedMicroUsd: 0,
    steps: 0,
    calls: "",
  };
}
