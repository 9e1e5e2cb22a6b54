// Gives an activation back with its outcome: trace, graph, the activations that it starts and the task's end in one script.
import type { FailureRecord } from "../../contracts/failure.ts";
import { type GraphState, ofAgent } from "../../contracts/graph.ts";
import {
  type ActivationId,
  type ActivationPhase,
  hasEnded,
  type Message,
  type TaskPhase,
  type TaskRef,
} from "../../contracts/task.ts";
import type { ChainHead, TraceEvent } from "../../contracts/trace.ts";
import { chainArguments, checkLinks, readChainHead } from "../chain.ts";
import type { Redis } from "../connect.ts";
import { finishTask } from "../finish-task.ts";
import { taskKeys } from "../keys.ts";
import { type Ledger, readLedger } from "../ledger.ts";
import type { ActivationQueue } from "../queue.ts";
import { corrupt, listOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { readGraphState, readPriority } from "../task-fields.ts";
import { HOLDS, JOURNAL, LEDGER } from "./lua.ts";

export interface StartedActivation {
  readonly id: ActivationId;
  readonly agent: string;
  readonly messages: readonly Message[];
}

export interface ReleaseRequest {
  readonly task: TaskRef;
  readonly activation: ActivationId;
  readonly holder: string;
  readonly epoch: number;
  /** The head that `events` were chained behind and that `graph` was computed at. */
  readonly after: ChainHead;
  readonly events: readonly TraceEvent[];
  /** `Runnable`: to be tried again, after `runnableInMs`; the caller asks its worker for the delay of the bell. */
  readonly phase: Exclude<ActivationPhase, "Leased">;
  readonly runnableInMs?: number;
  /** The attempt ends for a reason that is none of the task's, and does not count. */
  readonly uncounted?: true;
  readonly graph: GraphState;
  readonly start: readonly StartedActivation[];
  readonly taskPhase?: TaskPhase;
  /** Of the task. `last_output` is filled from the graph where the caller leaves it out. */
  readonly output?: Readonly<Record<string, string>>;
  readonly lastError?: FailureRecord;
}

export type Released =
  | { readonly outcome: "released"; readonly head: ChainHead }
  /** Another activation of the task appended: compute anew from these. */
  | { readonly outcome: "moved"; readonly head: ChainHead; readonly graph: GraphState; readonly ledger: Ledger }
  | { readonly outcome: "lease-lost" };

/**
 * KEYS  1 task · 2 activations · 3 order · 4 open · 5 journal
 * ARGV  1 activation · 2 holder · 3 epoch · 4 its new phase · 5 ms until it is runnable · 6 graph · 7 task's phase or '' ·
 *       8 output or '' · 9 last error or '' · 10 number of activations to start · 11 whether 7 ends the task, 1 or 0 ·
 *       12 attempts that do not count · 13 seq and 14 head expected · 15 seq and 16 hash of the last event ·
 *       17 number of events ·
 *       hash and text of each event · id, agent and messages of each activation to start
 * Answers {'released', seq, head, priority}, {'moved', seq, head, graph, ledger} or {'lease-lost'}.
 * Invariants: as in append; besides, the graph changes only here, so a graph computed at the head that is still the head
 * is the newest one, and two branches that end at once cannot lose each other's arrival.
 */
const RELEASE = defineScript(`${HOLDS}${JOURNAL}${LEDGER}
local task, activations, order, open, journal = unpack(KEYS)
local id = ARGV[1]
local chain = redis.call('HMGET', task, 'seq', 'head', 'graph', 'priority')
if chain[1] and is_repeated(journal, ARGV[15], ARGV[16]) then return { 'released', chain[1], chain[2], chain[4] } end
if not holds(task, activations, id, ARGV[2], ARGV[3]) then return { 'lease-lost' } end
if chain[1] ~= ARGV[13] or chain[2] ~= ARGV[14] then
  return { 'moved', chain[1], chain[2], chain[3], ledger_of(task) }
end

local events = tonumber(ARGV[17])
local seq, head = write_events(journal, tonumber(chain[1]), chain[2], 18, events)
redis.call('HSET', task, 'seq', string.format('%d', seq), 'head', head, 'graph', ARGV[6])
redis.call('HSET', activations, id .. '/phase', ARGV[4], id .. '/until', 0,
  id .. '/runnableAt', string.format('%d', now + ARGV[5]))
if ARGV[12] ~= '0' then redis.call('HINCRBY', activations, id .. '/attempts', -ARGV[12]) end
if ARGV[4] == 'Done' or ARGV[4] == 'Failed' or ARGV[4] == 'Cancelled' then redis.call('SREM', open, id) end
for index = 0, tonumber(ARGV[10]) - 1 do
  local from = 18 + 2 * events + 3 * index
  local started = ARGV[from]
  if redis.call('HSETNX', activations, started .. '/agent', ARGV[from + 1]) == 1 then
    redis.call('HSET', activations, started .. '/phase', 'Runnable', started .. '/holder', '', started .. '/epoch', 0,
      started .. '/attempts', 0, started .. '/until', 0, started .. '/runnableAt', 0,
      started .. '/messages', ARGV[from + 2])
    redis.call('RPUSH', order, started)
    redis.call('SADD', open, started)
  end
end
if ARGV[7] ~= '' then redis.call('HSET', task, 'phase', ARGV[7]) end
if ARGV[8] ~= '' then redis.call('HSET', task, 'output', ARGV[8]) end
if ARGV[9] ~= '' or ARGV[7] == 'Succeeded' then redis.call('HSET', task, 'lastError', ARGV[9]) end
if ARGV[11] == '1' then redis.call('HSET', task, 'finishedAtMs', string.format('%d', now)) end
return { 'released', string.format('%d', seq), head, chain[4] }
`);

/**
 * Afterwards rings for what was started, and finishes off a task that ended (outbox, live index). A crash between the
 * script and that is mended by the sweep.
 */
export async function releaseActivation(
  redis: Redis,
  queue: ActivationQueue,
  request: ReleaseRequest,
): Promise<Released> {
  const { task, after, events, start } = request;
  checkLinks(after, events);
  const keys = taskKeys(task);
  const what = `the release of ${request.activation} of ${task.namespace}/${task.name}`;
  const script = [keys.task, keys.activations, keys.order, keys.open, keys.journal];
  const [outcome, seq, head, detail, ledger] = listOf(
    what,
    await runScript(redis, RELEASE, script, releaseArguments(request)),
  );
  switch (outcome) {
    case "released": {
      const priority = readPriority(what, detail);
      await queue.ring(start.map(({ id }) => ({ task, activation: id, priority })));
      if (request.taskPhase !== undefined && hasEnded(request.taskPhase)) await finishTask(redis, task);
      return { outcome, head: readChainHead(what, seq, head) };
    }
    case "moved":
      return {
        outcome,
        head: readChainHead(what, seq, head),
        graph: readGraphState(what, detail),
        ledger: readLedger(what, ledger),
      };
    case "lease-lost":
      return { outcome };
    default:
      throw corrupt(what, `\`${String(outcome)}\` is unknown`);
  }
}

function releaseArguments(request: ReleaseRequest): (string | number)[] {
  const { taskPhase, lastError } = request;
  return [
    request.activation,
    request.holder,
    request.epoch,
    request.phase,
    request.runnableInMs ?? 0,
    JSON.stringify(request.graph),
    taskPhase ?? "",
    outputText(request),
    lastError === undefined ? "" : JSON.stringify(lastError),
    request.start.length,
    taskPhase !== undefined && hasEnded(taskPhase) ? 1 : 0,
    request.uncounted === true ? 1 : 0,
    ...chainArguments(request.after, request.events),
    ...request.start.flatMap(({ id, agent, messages }) => [id, agent, JSON.stringify(messages)]),
  ];
}

/** The agent that releases last is the last agent. */
function outputText({ output, graph, activation }: ReleaseRequest): string {
  if (output === undefined) return "";
  const agent = activation.slice(0, activation.lastIndexOf("#"));
  return JSON.stringify({ last_output: ofAgent(graph.outputs, agent) ?? "", ...output });
}
