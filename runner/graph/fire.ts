// Which edges an activation's end fires: conditions for one that is done, the joins behind it for one that failed. Pure.
import { type Arrival, type Edge, type Graph, ofAgent } from "../../contracts/graph.ts";
import { conditionHolds } from "./condition.ts";
import { predecessors } from "./reach.ts";

/** One message on its way to an agent. */
export interface Fired {
  readonly to: string;
  readonly arrival: Arrival;
}

/** `a001` is the task's attempt, `h002` the sender's visit: the same message always has the same id. */
export function messageId(task: string, visit: number, from: string, to: string): string {
  return `${task}/a001/h${String(visit).padStart(3, "0")}/${from}/${to}`;
}

/** The agents that get the output: each once, in the order of the manifest. `default` fires where no other condition does. */
export function firedTargets(graph: Graph, from: string, output: string): readonly string[] {
  const edges = graph.edges.filter((edge) => edge.from === from);
  const holding = edges.filter((edge) => !isDefault(edge) && holds(edge, output));
  const chosen = holding.some((edge) => edge.condition !== undefined)
    ? holding
    : edges.filter((edge) => holding.includes(edge) || isDefault(edge));
  return [...new Set(chosen.map(({ to }) => to))];
}

function isDefault({ condition }: Edge): boolean {
  return condition?.default === true;
}

function holds(edge: Edge, output: string): boolean {
  return edge.condition === undefined || conditionHolds(edge.condition, output);
}

/**
 * What a failed branch sends: an empty arrival to each `skip` join behind it, nothing to a `continue_partial` one, which
 * opens with what else comes. undefined: some way behind it ends without a join that bears the failure.
 */
export function failureTargets(graph: Graph, failed: string): readonly { from: string; to: string }[] | undefined {
  const skips: { from: string; to: string }[] = [];
  const seen = new Set([failed]);
  let borne = false;
  const pending = [failed];
  for (let from = pending.pop(); from !== undefined; from = pending.pop()) {
    const targets = new Set(graph.edges.filter((edge) => edge.from === from && edge.to !== from).map(({ to }) => to));
    if (targets.size === 0) return undefined;
    for (const to of targets) {
      const bears = ofAgent(graph.joins, to)?.onFailure ?? "deadletter";
      if (bears === "skip") skips.push({ from, to });
      borne ||= bears !== "deadletter";
      if (bears !== "deadletter" || seen.has(to)) continue;
      if (predecessors(graph, to).length > 1) return undefined;
      seen.add(to);
      pending.push(to);
    }
  }
  return borne ? skips : undefined;
}
