// When a waiting agent may start, and with what: wait_for_all and quorum, rounds, late arrivals. Pure.
import { type Arrival, type Graph, type GraphState, ofAgent } from "../../contracts/graph.ts";
import { mayStart, predecessors, reachableWithout } from "./reach.ts";

export interface Round {
  /** The first arrival of each agent before the join; what came twice waits for the next round. */
  readonly taken: readonly Arrival[];
  readonly rest: readonly Arrival[];
  /** Agents whose arrival can still come in this round. */
  readonly missing: readonly string[];
}

export function readRound(graph: Graph, state: GraphState, agent: string, maxTurns: number | null): Round {
  const arrivals = ofAgent(state.joins, agent) ?? [];
  const taken = arrivals.filter((arrival, index) => arrivals.findIndex(({ from }) => from === arrival.from) === index);
  const rest = arrivals.filter((arrival) => !taken.includes(arrival));
  const open = predecessors(graph, agent).filter((from) => !taken.some((arrival) => arrival.from === from));
  if (open.length === 0) return { taken, rest, missing: [] };
  const reachable = reachableWithout(graph, state, agent, maxTurns);
  return { taken, rest, missing: open.filter((from) => reachable.has(from)) };
}

/** An edge that can no longer fire lowers what the join expects, so a quorum that cannot be reached is none. */
export function isReady(graph: Graph, agent: string, round: Round): boolean {
  if (round.taken.length === 0) return false;
  if (round.missing.length === 0) return true;
  const join = ofAgent(graph.joins, agent);
  if (join?.mode !== "quorum") return false;
  const expected = round.taken.length + round.missing.length;
  const needed = join.quorumCount ?? Math.ceil((expected * (join.quorumPercent ?? 100)) / 100);
  return round.taken.length >= Math.max(1, Math.min(needed, expected));
}

/** Whether this arrival is owed to a round that opened without it. */
export function isLate(state: GraphState, to: string, from: string): boolean {
  return ofAgent(state.late, to)?.includes(from) ?? false;
}

/** An agent that ended has just sent what it owed, or never will; nor will one that can no longer be reached. */
export function settleLate(graph: Graph, state: GraphState, ended: string, maxTurns: number | null): GraphState {
  if (state.late === undefined) return state;
  const late = Object.entries(state.late).map(([to, owing]) => {
    const reachable = reachableWithout(graph, state, to, maxTurns);
    return [to, owing.filter((from) => from !== ended && reachable.has(from))] as const;
  });
  return { ...state, late: Object.fromEntries(late.filter(([, owing]) => owing.length > 0)) };
}

/** The agents with arrivals, in list order; those that may not start again lose what they wait for. */
export function waitingAgents(graph: Graph, state: GraphState, maxTurns: number | null): readonly string[] {
  return graph.agents.filter(
    (agent) => (ofAgent(state.joins, agent) ?? []).length > 0 && mayStart(state, agent, maxTurns),
  );
}
