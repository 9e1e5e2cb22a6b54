// Which agents may still become active in a task: the question behind every join. Pure.
import { type Graph, type GraphState, ofAgent } from "../../contracts/graph.ts";

/** Bounds activations of one agent where a task sets no `max_turns`; a graph without cycles never gets near it. */
const DEFAULT_MAX_TURNS = 10;

export interface GraphRules {
  /** `<namespace>/<name>`, for message ids. */
  readonly task: string;
  readonly maxTurns: number | null;
  /** The time of the events that come of it. */
  readonly at: string;
}

/** Agents before `agent`, each once. A loop onto itself is no way in. */
export function predecessors(graph: Graph, agent: string): readonly string[] {
  return [...new Set(graph.edges.filter(({ from, to }) => to === agent && from !== agent).map(({ from }) => from))];
}

export function mayStart(state: GraphState, agent: string, maxTurns: number | null): boolean {
  const visits = (ofAgent(state.visits, agent) ?? 0) - (ofAgent(state.since, agent) ?? 0);
  return visits < (maxTurns ?? DEFAULT_MAX_TURNS);
}

function isActive(state: GraphState, agent: string): boolean {
  return (ofAgent(state.visits, agent) ?? 0) > (ofAgent(state.ended, agent) ?? 0);
}

/**
 * Agents that run, wait at a join, or may be woken by one that does, without passing through `join`. What can only come
 * through the join itself belongs to its next round: this is why a back edge never makes the first round wait.
 */
export function reachableWithout(
  graph: Graph,
  state: GraphState,
  join: string,
  maxTurns: number | null,
): ReadonlySet<string> {
  const waiting = graph.agents.filter((agent) => agent !== join && (ofAgent(state.joins, agent) ?? []).length > 0);
  const reached = new Set([...graph.agents.filter((agent) => isActive(state, agent)), ...waiting]);
  reached.delete(join);
  const pending = [...reached];
  for (let agent = pending.pop(); agent !== undefined; agent = pending.pop()) {
    for (const { from, to } of graph.edges) {
      if (from !== agent || to === join || reached.has(to) || !mayStart(state, to, maxTurns)) continue;
      reached.add(to);
      pending.push(to);
    }
  }
  return reached;
}
