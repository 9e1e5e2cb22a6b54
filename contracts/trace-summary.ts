// What a trace amounts to: per agent the turns, tokens, tools, denials, latency and cost. Both views are made from it.
import type { TraceEvent } from "./trace.ts";

export interface AgentSummary {
  readonly agent: string;
  readonly models: readonly string[];
  readonly turns: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Tool name → calls that were carried out. */
  readonly tools: Readonly<Record<string, number>>;
  readonly denied: number;
  readonly modelMs: number;
  readonly toolMs: number;
  /** null: a price is unknown. */
  readonly costUsd: number | null;
}

/** What waits for a person's answer. */
export interface OpenQuestion {
  readonly approval: string;
  readonly agent: string;
  readonly tool?: string;
  readonly model?: string;
}

export interface TraceSummary {
  readonly agents: readonly AgentSummary[];
  readonly turns: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly calls: number;
  readonly denied: number;
  readonly takeovers: number;
  readonly costUsd: number | null;
  readonly durationMs: number;
  /** In the order in which they were asked. Of a task that has ended nobody waits for them. */
  readonly asks: readonly OpenQuestion[];
}

interface Tally {
  models: Set<string>;
  turns: number;
  inputTokens: number;
  outputTokens: number;
  tools: Record<string, number>;
  denied: number;
  modelMs: number;
  toolMs: number;
  costUsd: number | null;
}

export function summarizeTrace(events: readonly TraceEvent[]): TraceSummary {
  const tallies = new Map<string, Tally>();
  for (const event of events) {
    if (event.agent === undefined) continue;
    const tally = tallies.get(event.agent) ?? emptyTally();
    tallies.set(event.agent, tally);
    count(tally, event);
  }
  const agents = [...tallies].map(([agent, tally]) => ({ agent, ...tally, models: [...tally.models] }));
  return {
    agents,
    turns: sum(agents, (agent) => agent.turns),
    inputTokens: sum(agents, (agent) => agent.inputTokens),
    outputTokens: sum(agents, (agent) => agent.outputTokens),
    calls: sum(agents, (agent) => sum(Object.values(agent.tools), (calls) => calls)),
    denied: sum(agents, (agent) => agent.denied),
    takeovers: events.filter((event) => event.type === "task.taken_over").length,
    costUsd: agents.reduce<number | null>((total, { costUsd }) => addCost(total, costUsd), 0),
    durationMs: durationOf(events),
    asks: asksIn(events),
  };
}

/** A step that asks anew, or goes on, waits for nothing that was asked before. */
function asksIn(events: readonly TraceEvent[]): OpenQuestion[] {
  const open = new Map<string, OpenQuestion>();
  for (const { type, activation = "", agent = "", approval, tool, model } of events) {
    if (type === "approval.requested" && typeof approval === "string") {
      const what = typeof tool === "string" ? { tool } : typeof model === "string" ? { model } : {};
      open.set(activation, { approval, agent, ...what });
    }
    if (type === "approval.decided" && open.get(activation)?.approval === approval) open.delete(activation);
  }
  return [...open.values()];
}

function emptyTally(): Tally {
  return {
    models: new Set(),
    turns: 0,
    inputTokens: 0,
    outputTokens: 0,
    tools: {},
    denied: 0,
    modelMs: 0,
    toolMs: 0,
    costUsd: 0,
  };
}

function count(tally: Tally, event: TraceEvent): void {
  if (event.type === "model.answered") {
    tally.turns += 1;
    tally.inputTokens += numberField(event, "inputTokens");
    tally.outputTokens += numberField(event, "outputTokens");
    tally.modelMs += numberField(event, "latencyMs");
    tally.costUsd = addCost(tally.costUsd, typeof event["costUsd"] === "number" ? event["costUsd"] : null);
    if (typeof event["model"] === "string") tally.models.add(event["model"]);
  }
  if (event.type === "tool.called" && typeof event["tool"] === "string") {
    tally.tools[event["tool"]] = (tally.tools[event["tool"]] ?? 0) + 1;
  }
  if (event.type === "tool.answered" || event.type === "tool.failed") tally.toolMs += numberField(event, "latencyMs");
  if (event.type === "tool.denied") tally.denied += 1;
}

function numberField(event: TraceEvent, name: string): number {
  const value = event[name];
  return typeof value === "number" ? value : 0;
}

function addCost(total: number | null, next: number | null): number | null {
  return total === null || next === null ? null : total + next;
}

function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((total, item) => total + amount(item), 0);
}

function durationOf(events: readonly TraceEvent[]): number {
  const [first] = events;
  const last = events.at(-1);
  return first === undefined || last === undefined ? 0 : Date.parse(last.at) - Date.parse(first.at);
}
