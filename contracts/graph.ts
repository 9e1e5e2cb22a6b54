// The shape of an agent system's graph: nodes, edges, entries. Pure; runner/graph decides what fires.
import type { CarriedLabel } from "../policies/request.ts";

/** Characters of `output_matches`. */
export const CONDITION_LIMITS = { pattern: 1_000 } as const;

export interface EdgeCondition {
  readonly output_contains?: string;
  readonly output_not_contains?: string;
  readonly output_matches?: string;
  readonly output_json_path?: string;
  readonly equals?: unknown;
  readonly not_equals?: unknown;
  readonly contains?: unknown;
  readonly greater_than?: number;
  readonly less_than?: number;
  readonly default?: boolean;
}

export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly condition?: EdgeCondition;
}

export interface Join {
  readonly mode: "wait_for_all" | "quorum";
  readonly quorumCount?: number;
  readonly quorumPercent?: number;
  readonly onFailure: "deadletter" | "skip" | "continue_partial";
}

export interface Graph {
  /** In the order of the system's list. */
  readonly agents: readonly string[];
  readonly edges: readonly Edge[];
  readonly joins: Readonly<Record<string, Join>>;
}

/** The part of an AgentSystem's spec that shapes its graph. */
export interface GraphSpec {
  readonly agents: readonly string[];
  readonly graph?: Readonly<
    Record<
      string,
      {
        readonly next?: string;
        readonly edges?: readonly { readonly to: string; readonly condition?: EdgeCondition }[];
        readonly join?: {
          readonly mode?: "wait_for_all" | "quorum";
          readonly quorum_count?: number;
          readonly quorum_percent?: number;
          readonly on_failure?: "deadletter" | "skip" | "continue_partial";
        };
      }
    >
  >;
}

/** No graph: the agents run in list order. `next` is an edge without a condition; an edge named twice counts once. */
export function readGraph(spec: GraphSpec): Graph {
  const nodes = Object.entries(spec.graph ?? {});
  if (nodes.length === 0) return { agents: spec.agents, edges: chain(spec.agents), joins: {} };
  const edges = nodes.flatMap(([from, node]) => [
    ...(node.next === undefined ? [] : [{ from, to: node.next }]),
    ...(node.edges ?? [])
      .filter((edge) => edge.to !== node.next || edge.condition !== undefined)
      .map((edge) => ({ from, ...edge })),
  ]);
  const joins = nodes.flatMap(([agent, { join }]) => (join === undefined ? [] : [[agent, readJoin(join)] as const]));
  return { agents: spec.agents, edges, joins: Object.fromEntries(joins) };
}

function chain(agents: readonly string[]): Edge[] {
  return agents.slice(1).map((to, index) => ({ from: agents[index] ?? to, to }));
}

type JoinSpec = NonNullable<NonNullable<GraphSpec["graph"]>[string]["join"]>;

function readJoin(join: JoinSpec): Join {
  return {
    mode: join.mode ?? "wait_for_all",
    onFailure: join.on_failure ?? "deadletter",
    ...(join.quorum_count === undefined ? {} : { quorumCount: join.quorum_count }),
    ...(join.quorum_percent === undefined ? {} : { quorumPercent: join.quorum_percent }),
  };
}

/** Nodes without incoming edges, in list order; in a pure cycle the first agent. A loop onto itself is no incoming edge. */
export function entryAgents(graph: Graph): readonly string[] {
  const targets = new Set(graph.edges.filter((edge) => edge.from !== edge.to).map((edge) => edge.to));
  const entries = graph.agents.filter((agent) => !targets.has(agent));
  return entries.length > 0 ? entries : graph.agents.slice(0, 1);
}

/** What a task has been through so far. Kept as one JSON value in the task's record; changes only with a release. */
export interface GraphState {
  /** Agent → activations so far. */
  readonly visits: Readonly<Record<string, number>>;
  /** Agent → its last output. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Agent with several incoming edges → what has arrived in this round. */
  readonly joins: Readonly<Record<string, readonly Arrival[]>>;
  /** Activations that have not ended. */
  readonly open: number;
  /** Agent → activations that have ended. Absent: none has. */
  readonly ended?: Readonly<Record<string, number>>;
  /** Agent → visits before the task was begun anew: they do not count towards `max_turns`. Absent: it never was. */
  readonly since?: Readonly<Record<string, number>>;
  /** Agent whose quorum opened early → the agents before it whose arrival is still owed to that round, to be dropped. */
  readonly late?: Readonly<Record<string, readonly string[]>>;
}

/**
 * A task that begins anew: visits count on, so that no step, message or idempotency key of before is taken for one of now.
 * `entries` are the agents that begin, with their visits.
 */
export function restartGraph(
  graph: Graph,
  { visits }: GraphState,
): { readonly state: GraphState; readonly entries: readonly { readonly agent: string; readonly visit: number }[] } {
  const entries = entryAgents(graph).map((agent) => ({ agent, visit: (ofAgent(visits, agent) ?? 0) + 1 }));
  const begun = Object.fromEntries(entries.map(({ agent, visit }) => [agent, visit]));
  const state = {
    visits: { ...visits, ...begun },
    ended: visits,
    since: visits,
    outputs: {},
    joins: {},
    open: entries.length,
  };
  return { state, entries };
}

/** What a map by agent holds for one: agents may be named `constructor`, which every object has without holding it. */
export function ofAgent<V>(map: Readonly<Record<string, V>> | undefined, agent: string): V | undefined {
  return map !== undefined && Object.hasOwn(map, agent) ? map[agent] : undefined;
}

export interface Arrival {
  readonly from: string;
  readonly messageId: string;
  /** null: the branch failed or did not fire, and counts as arrived and empty. */
  readonly text: string | null;
  /** Of all that its sender has read. Absent: none. */
  readonly labels?: readonly CarriedLabel[];
}
