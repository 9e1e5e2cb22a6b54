// Plays a whole task on a graph without a runner: ends one open activation after another, in any order that is asked for.
import { entryAgents, type Graph, type GraphState } from "../../../contracts/graph.ts";
import type { TraceDraft } from "../../../contracts/trace.ts";
import { type Advance, advance, type Start } from "../../../runner/graph/advance.ts";

interface Move {
  readonly output: string;
  readonly failed?: boolean;
}

export interface Play {
  /** Agents in the order in which their activations started, entries first. */
  readonly started: readonly string[];
  readonly starts: readonly Start[];
  readonly events: readonly TraceDraft[];
  readonly last: Advance;
}

export interface PlayRules {
  /** Where it begins; absent: a new task. */
  readonly from?: GraphState;
  readonly maxTurns?: number;
  /** Which of the open activations ends next. */
  readonly choose?: (open: number) => number;
  readonly act?: (agent: string, visit: number) => Move;
}

export function startState(graph: Graph): GraphState {
  const entries = entryAgents(graph);
  return {
    visits: Object.fromEntries(entries.map((agent) => [agent, 1])),
    outputs: {},
    joins: {},
    open: entries.length,
  };
}

export function play(
  graph: Graph,
  { maxTurns, choose = () => 0, act = echo, from = startState(graph) }: PlayRules = {},
): Play {
  const begun = entryAgents(graph).map((agent) => ({ id: `${agent}#${from.visits[agent] ?? 1}`, agent }));
  const starts: Start[] = begun.map((start) => ({ ...start, messages: [] }));
  const open = [...starts];
  const events: TraceDraft[] = [];
  let state = from;
  for (let moves = 0; moves < 5_000; moves += 1) {
    const [next] = open.splice(choose(open.length), 1);
    if (next === undefined) throw new Error("nothing runs, and the task has not ended");
    const visit = Number(next.id.split("#")[1]);
    const { output, failed = false } = act(next.agent, visit);
    const finished = { agent: next.agent, visit, status: failed ? ("failed" as const) : ("done" as const), output };
    const last = advance(graph, state, finished, {
      task: "default/t",
      maxTurns: maxTurns ?? null,
      at: "2026-01-01T00:00:00Z",
    });
    state = last.state;
    open.push(...last.start);
    starts.push(...last.start);
    events.push(...last.events);
    if (last.ended !== undefined) return { started: starts.map(({ agent }) => agent), starts, events, last };
  }
  throw new Error("the task does not end");
}

function echo(agent: string, visit: number): Move {
  return { output: `${agent} ${visit}` };
}
