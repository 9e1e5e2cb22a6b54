// One step of a task's graph: an activation ended, so what starts, what waits, and has the task ended? Pure.
import { type Graph, type GraphState, ofAgent } from "../../contracts/graph.ts";
import { activationId, type Message } from "../../contracts/task.ts";
import type { TraceDraft } from "../../contracts/trace.ts";
import type { CarriedLabel } from "../../policies/request.ts";
import { type Fired, failureTargets, firedTargets, messageId } from "./fire.ts";
import { isLate, isReady, type Round, readRound, settleLate, waitingAgents } from "./join.ts";
import { type GraphRules, mayStart, predecessors } from "./reach.ts";

export interface Finished {
  readonly agent: string;
  /** Which activation of the agent it was, counted from 1. */
  readonly visit: number;
  readonly status: "done" | "failed";
  readonly output: string;
  /** Of all that it has read. */
  readonly labels?: readonly CarriedLabel[];
}

export interface Start {
  readonly id: string;
  readonly agent: string;
  readonly messages: readonly Message[];
}

export interface Advance {
  readonly state: GraphState;
  readonly start: readonly Start[];
  /** Agents that would have been woken but for `max_turns`. */
  readonly stopped: readonly string[];
  readonly ended?: { readonly phase: "Succeeded" | "Failed"; readonly output: Readonly<Record<string, string>> };
  readonly events: readonly TraceDraft[];
}

/**
 * Every message makes its receiver wait for the others that can still come in this round, then start. The task ends when
 * nothing runs, is queued or waits; a failure that no join bears ends it at once. A task that fails keeps the state of
 * before: a retry goes on with the agent that failed.
 */
export function advance(graph: Graph, before: GraphState, finished: Finished, rules: GraphRules): Advance {
  const state = recordEnd(before, finished);
  const fired = fire(graph, finished, rules);
  if (fired === undefined) return failTask(graph, before, finished);
  const delivered = deliver(state, fired, rules);
  const opened = openJoins(graph, delivered.state, rules);
  const events = [...delivered.events, ...waitingEvents(graph, opened, fired, rules), ...opened.events];
  const after = settleLate(graph, opened.state, finished.agent, rules.maxTurns);
  const { start } = opened;
  const { stopped } = delivered;
  if (after.open > 0) return { state: after, start, stopped, events };
  const ended = endOf(graph, after, finished);
  return { state: ended.phase === "Failed" ? before : after, start, stopped, events, ended };
}

function recordEnd(state: GraphState, { agent, status, output }: Finished): GraphState {
  return {
    ...state,
    open: state.open - 1,
    ended: { ...state.ended, [agent]: (ofAgent(state.ended, agent) ?? 0) + 1 },
    outputs: status === "done" ? { ...state.outputs, [agent]: output } : state.outputs,
  };
}

function fire(graph: Graph, finished: Finished, { task }: GraphRules): Fired[] | undefined {
  const { agent, visit, status, output, labels = [] } = finished;
  const sends = (from: string, to: string, text: string | null): Fired => ({
    to,
    arrival: { from, messageId: messageId(task, visit, from, to), text, ...(labels.length === 0 ? {} : { labels }) },
  });
  if (status === "done") return firedTargets(graph, agent, output).map((to) => sends(agent, to, output));
  return failureTargets(graph, agent)?.map(({ from, to }) => sends(from, to, null));
}

interface Delivery {
  readonly state: GraphState;
  readonly stopped: readonly string[];
  readonly events: readonly TraceDraft[];
}

function deliver(state: GraphState, fired: readonly Fired[], rules: GraphRules): Delivery {
  const late = fired.filter(({ to, arrival }) => isLate(state, to, arrival.from));
  const intime = fired.filter((message) => !late.includes(message));
  const arrived = intime.filter(({ to }) => mayStart(state, to, rules.maxTurns));
  const joins: Record<string, GraphState["joins"][string]> = { ...state.joins };
  for (const { to, arrival } of arrived) joins[to] = [...(ofAgent(joins, to) ?? []), arrival];
  return {
    state: { ...state, joins },
    stopped: intime.filter((message) => !arrived.includes(message)).map(({ to }) => to),
    events: late.map(({ to, arrival }) =>
      joinEvent("join.waiting", to, rules, { from: arrival.from, dropped: "late" }),
    ),
  };
}

interface Opening {
  readonly state: GraphState;
  readonly start: readonly Start[];
  readonly events: readonly TraceDraft[];
}

function openJoins(graph: Graph, delivered: GraphState, rules: GraphRules): Opening {
  let opening: Opening = { state: delivered, start: [], events: [] };
  for (const agent of waitingAgents(graph, delivered, rules.maxTurns)) {
    const round = readRound(graph, opening.state, agent, rules.maxTurns);
    if (isReady(graph, agent, round)) opening = openJoin(graph, opening, agent, round, rules);
  }
  if (opening.state.open > 0) return opening;
  // Nothing runs, so joins that wait for one another would wait for ever: the first in the list goes on.
  const [stuck] = waitingAgents(graph, opening.state, rules.maxTurns);
  if (stuck === undefined) return opening;
  return openJoin(graph, opening, stuck, readRound(graph, opening.state, stuck, rules.maxTurns), rules);
}

function openJoin(graph: Graph, opening: Opening, agent: string, round: Round, rules: GraphRules): Opening {
  const { state } = opening;
  const visit = (ofAgent(state.visits, agent) ?? 0) + 1;
  const id = activationId(agent, visit);
  const { [agent]: _, ...others } = state.joins;
  const started = { ...state, visits: { ...state.visits, [agent]: visit } };
  const keeps = round.rest.length > 0 && mayStart(started, agent, rules.maxTurns);
  const owing = [...(ofAgent(state.late, agent) ?? []), ...round.missing];
  const froms = round.taken.map(({ from }) => from);
  const opened = joinEvent("join.opened", agent, rules, { arrived: froms, missing: round.missing });
  return {
    state: {
      ...started,
      joins: keeps ? { ...others, [agent]: round.rest } : others,
      open: state.open + 1,
      ...(owing.length > 0 ? { late: { ...state.late, [agent]: owing } } : {}),
    },
    start: [...opening.start, { id, agent, messages: messagesOf(round) }],
    events: predecessors(graph, agent).length > 1 ? [...opening.events, { ...opened, activation: id }] : opening.events,
  };
}

/** Empty arrivals count for the join, and carry nothing to read. */
function messagesOf({ taken }: Round): Message[] {
  return taken.flatMap(({ messageId: id, from, text, labels }) =>
    text === null ? [] : [{ id, from, text, ...(labels === undefined ? {} : { labels }) }],
  );
}

function waitingEvents(graph: Graph, opened: Opening, fired: readonly Fired[], rules: GraphRules): TraceDraft[] {
  const waits = fired.filter(
    ({ to, arrival }) =>
      ofAgent(opened.state.joins, to)?.some(({ messageId: id }) => id === arrival.messageId) ?? false,
  );
  return waits.map(({ to, arrival }) => {
    const { missing } = readRound(graph, opened.state, to, rules.maxTurns);
    return joinEvent("join.waiting", to, rules, { from: arrival.from, missing });
  });
}

function joinEvent(
  type: "join.waiting" | "join.opened",
  agent: string,
  { at }: GraphRules,
  data: Readonly<Record<string, unknown>>,
): TraceDraft {
  return { type, at, agent, data };
}

function failTask(graph: Graph, state: GraphState, finished: Finished): Advance {
  return { state, start: [], stopped: [], ended: endOf(graph, state, finished, "Failed"), events: [] };
}

type End = NonNullable<Advance["ended"]>;

/** A task whose last event is a failure that nobody took up has failed, also where a join would have borne it. */
function endOf(graph: Graph, state: GraphState, finished: Finished, phase?: End["phase"]): End {
  const lastAgent = graph.agents.findLast((agent) => ofAgent(state.outputs, agent) !== undefined) ?? "";
  const last = finished.status === "done" ? finished.output : (ofAgent(state.outputs, lastAgent) ?? "");
  return {
    phase: phase ?? (finished.status === "done" ? "Succeeded" : "Failed"),
    output: { ...state.outputs, last_output: last },
  };
}
