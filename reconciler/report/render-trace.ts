// Renders what a task did, for GitHub: its line, its table per agent, its graph as a small drawing. Pure.

import { shortDigest } from "../../contracts/canonical.ts";
import type { Graph } from "../../contracts/graph.ts";
import { hasEnded, type TaskRecord } from "../../contracts/task.ts";
import type { ChainVerdict } from "../../contracts/trace.ts";
import type { AgentSummary, OpenQuestion, TraceSummary } from "../../contracts/trace-summary.ts";
import { wholeNumber } from "../../contracts/whole-number.ts";
import { codeSpan, prose, shorten, tableCell } from "../plan/inert.ts";

export interface TaskReport {
  readonly task: TaskRecord;
  readonly summary: TraceSummary;
  readonly chain: ChainVerdict;
  /** null: the definitions that the task ran with cannot be read any more. */
  readonly graph: Graph | null;
}

/** One task in one line, as the record of an apply lists it. */
export function renderTaskLine({ task, summary, chain }: TaskReport): string {
  const calls = `${count(summary.calls, "tool call")}${summary.denied > 0 ? `, ${summary.denied} denied` : ""}`;
  return [
    codeSpan(taskName(task)),
    phaseText(task, summary),
    count(summary.agents.length, "agent"),
    count(summary.turns, "turn"),
    `${wholeNumber(summary.inputTokens)} in / ${wholeNumber(summary.outputTokens)} out`,
    calls,
    ...(summary.takeovers > 0 ? [`taken over ${count(summary.takeovers, "time")}`] : []),
    costText(summary.costUsd),
    chainText(chain),
  ].join(" · ");
}

/** The whole report of a task: the text of its check run. `env`: where else than where people look anyway it is. */
export function renderTaskReport(report: TaskReport, env?: string): string {
  const { task, summary, graph } = report;
  const failure =
    task.lastError === undefined
      ? []
      : [`**${prose(task.lastError.code)}** ${prose(shorten(task.lastError.message, 500))}`];
  const drawing = graph === null ? "" : renderGraph(graph, summary);
  const waits = renderWaits(report);
  const sections = [
    renderTaskLine(report),
    ...failure,
    waits,
    renderAgents(summary.agents),
    drawing,
    renderFooter(report, env),
  ];
  return sections.filter((section) => section !== "").join("\n\n");
}

function renderWaits({ task, summary }: TaskReport): string {
  return openQuestions({ task, summary })
    .map((question) => {
      const look = codeSpan(`countwheel describe approval ${nameOf(task, question)}`);
      return `- ${codeSpan(question.agent)} waits for a person to approve ${subjectOf(question)}: ${look}`;
    })
    .join("\n");
}

/** Questions that the record of an apply lists for a task; its own check lists all. */
const LISTED_QUESTIONS = 5;

/** How what a task waits for is answered on the page, as lines below the task's own. */
export function renderAnswers({ task, summary }: Pick<TaskReport, "task" | "summary">): string[] {
  const open = openQuestions({ task, summary });
  const lines = open.slice(0, LISTED_QUESTIONS).map((question) => {
    const name = nameOf(task, question);
    const say = `${codeSpan(`/countwheel approve ${name}`)} or ${codeSpan(`/countwheel deny ${name}`)}`;
    return `  - ${codeSpan(question.agent)} asks for ${subjectOf(question)}: ${say}`;
  });
  return open.length > lines.length
    ? [...lines, `  - and ${count(open.length - lines.length, "question")} more`]
    : lines;
}

function openQuestions({ task, summary }: Pick<TaskReport, "task" | "summary">): readonly OpenQuestion[] {
  return task.phase === "WaitingApproval" ? summary.asks : [];
}

function nameOf({ namespace }: TaskRecord, { approval }: OpenQuestion): string {
  return taskName({ namespace, name: approval });
}

/** Names alone: what is in it stands in the approval's own check. */
function subjectOf({ tool, model = "" }: OpenQuestion): string {
  return tool === undefined ? `a turn of model ${codeSpan(model)}` : `a call of ${codeSpan(tool)}`;
}

/** `succeeded in 41 s`, `failed after 3.1 s`, `running`. */
export function phaseText(task: TaskRecord, summary: TraceSummary): string {
  const words = task.phase.replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
  if (!hasEnded(task.phase)) return words;
  return `${words} ${task.phase === "Succeeded" ? "in" : "after"} ${durationText(summary.durationMs)}`;
}

export function taskName(task: Pick<TaskRecord, "namespace" | "name">): string {
  return task.namespace === "default" ? task.name : `${task.namespace}/${task.name}`;
}

export function durationText(ms: number): string {
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function chainText(chain: ChainVerdict): string {
  return chain.outcome === "intact"
    ? `trace ${codeSpan(shortDigest(chain.head))} verified`
    : `⚠️ trace **broken** at event ${chain.seq} (${chain.reason})`;
}

/** An unknown price is said, never counted as nothing. */
function costText(costUsd: number | null): string {
  if (costUsd === null) return "cost unknown";
  return `$${costUsd > 0 && costUsd < 0.01 ? costUsd.toPrecision(2) : costUsd.toFixed(2)}`;
}

function count(amount: number, noun: string): string {
  return `${wholeNumber(amount)} ${noun}${amount === 1 ? "" : "s"}`;
}

const AGENT_ROWS = 100;
const TOOL_NAMES = 10;

function renderAgents(agents: readonly AgentSummary[]): string {
  if (agents.length === 0) return "No agent has begun.";
  const head = "| agent | model | turns | tokens in / out | tools | denied | model time | tool time | cost |";
  const rule = "|---|---|--:|--:|---|--:|--:|--:|--:|";
  const more = agents.length > AGENT_ROWS ? [`\nand ${count(agents.length - AGENT_ROWS, "agent")} more`] : [];
  return [head, rule, ...agents.slice(0, AGENT_ROWS).map(renderAgent), ...more].join("\n");
}

function renderAgent(agent: AgentSummary): string {
  const cells = [
    codeSpan(agent.agent),
    agent.models.map(codeSpan).join(", "),
    wholeNumber(agent.turns),
    `${wholeNumber(agent.inputTokens)} / ${wholeNumber(agent.outputTokens)}`,
    renderTools(agent.tools),
    agent.denied === 0 ? "" : `**${agent.denied}**`,
    durationText(agent.modelMs),
    durationText(agent.toolMs),
    costText(agent.costUsd),
  ];
  return `| ${cells.map(tableCell).join(" | ")} |`;
}

function renderTools(tools: Readonly<Record<string, number>>): string {
  const all = Object.entries(tools);
  const shown = all.slice(0, TOOL_NAMES).map(([name, calls]) => `${codeSpan(name)}${calls > 1 ? ` × ${calls}` : ""}`);
  return [...shown, ...(all.length > TOOL_NAMES ? [`and ${all.length - TOOL_NAMES} more`] : [])].join(", ");
}

/** A drawing that nobody can read is none; GitHub also refuses Mermaid texts over 50,000 characters. */
const DRAWN_AGENTS = 40;
const DRAWN_EDGES = 120;

function renderGraph(graph: Graph, summary: TraceSummary): string {
  if (graph.agents.length > DRAWN_AGENTS || graph.edges.length > DRAWN_EDGES) return "";
  const ids = new Map(graph.agents.map((agent, index) => [agent, `a${index}`]));
  const nodes = graph.agents.map((agent) => `  ${ids.get(agent)}["${nodeLabel(agent, summary)}"]`);
  const edges = graph.edges.flatMap(({ from, to, condition }) => {
    const [source, target] = [ids.get(from), ids.get(to)];
    return source === undefined || target === undefined
      ? []
      : [`  ${source} ${condition === undefined ? "-->" : "-.->"} ${target}`];
  });
  return ["```mermaid", "flowchart LR", ...nodes, ...edges, "```"].join("\n");
}

function nodeLabel(agent: string, summary: TraceSummary): string {
  const seen = summary.agents.find((candidate) => candidate.agent === agent);
  const turns = seen === undefined ? "not reached" : count(seen.turns, "turn");
  const denied = seen === undefined || seen.denied === 0 ? "" : `, ${seen.denied} denied`;
  return `${mermaidText(agent)}<br/>${turns}${denied}`;
}

/** Only what a name may hold anyway: a name out of a damaged record cannot draw, link or close the label. */
function mermaidText(text: string): string {
  return shorten(text.replaceAll(/[^\p{L}\p{N} ._-]/gu, "?"), 60);
}

function renderFooter({ task, chain }: TaskReport, env: string | undefined): string {
  const head =
    chain.outcome === "intact"
      ? `chain of ${count(chain.events, "event")}, head ${codeSpan(chain.head)}`
      : chainText(chain);
  const facts = [head, `snapshot ${codeSpan(shortDigest(task.snapshot))}`];
  if (task.plan !== null) facts.push(`plan ${codeSpan(shortDigest(task.plan))}`);
  return `${facts.join(" · ")}\n\nVerify it yourself: ${codeSpan(`countwheel audit verify${env === undefined ? "" : ` --env ${env}`} ${taskName(task)}`)}`;
}
