// Turns the events of a trace into the rows of its waterfall. Pure.

import { isEmbeddingStep } from "../../contracts/step.ts";
import type { TraceEvent, TraceEventType } from "../../contracts/trace.ts";
import {
  artifactNote,
  count,
  decisionNote,
  elicitedNote,
  isOfStep,
  progressNote,
  record,
  shortJson,
  text,
} from "./trace-notes.ts";

/** Its texts may hold what models and tools wrote: who shows them makes them harmless. */
export interface TraceRow {
  readonly depth: 0 | 1 | 2;
  readonly label: string;
  readonly holder: string | null;
  /** Milliseconds since the first event. */
  readonly startMs: number;
  /** null: a moment, not a span. */
  readonly endMs: number | null;
  readonly shade: "agent" | "model" | "tool" | "wait";
  readonly tone: "plain" | "bad";
  readonly note: string;
  readonly hints: readonly string[];
}

/** Where a manifest stands, `file:line`, by its address; undefined where nobody knows. */
export type PlaceOf = (address: string) => string | undefined;

export function traceRows(events: readonly TraceEvent[], placeOf: PlaceOf): TraceRow[] {
  const [first] = events;
  if (first === undefined) return [];
  const zero = Date.parse(first.at);
  const clock = (event: TraceEvent): number => Date.parse(event.at) - zero;
  return events.flatMap((event, index) => {
    const later = events.slice(index + 1);
    const draw = ROW_MAKERS[event.type];
    return draw === undefined ? [] : [draw(event, { later, clock, before: events.slice(0, index), placeOf })];
  });
}

interface Around {
  readonly before: readonly TraceEvent[];
  readonly later: readonly TraceEvent[];
  readonly clock: (event: TraceEvent) => number;
  readonly placeOf: PlaceOf;
}

type RowMaker = (event: TraceEvent, around: Around) => TraceRow;

const ROW_MAKERS: Partial<Record<TraceEventType, RowMaker>> = {
  "task.created": queueRow,
  "agent.started": agentRow,
  "model.called": modelRow,
  "tool.called": toolRow,
  "tool.elicited": elicitedRow,
  "tool.denied": deniedRow,
  "approval.requested": approvalRow,
  "task.taken_over": takeoverRow,
  "retry.scheduled": (event, around) => momentRow(retryLabel(event), "plain")(event, around),
  "budget.exceeded": momentRow("budget exceeded", "bad"),
  "lease.lost": momentRow("lease lost", "bad"),
  "task.cancelled": momentRow("cancelled", "bad"),
  "task.dead_lettered": momentRow("dead letter", "bad"),
};

/** What is done again, where it is not the same once more. */
function retryLabel(event: TraceEvent): string {
  if (event["what"] === "task") {
    return `${event["from"] === "start" ? "begun anew" : "tried again"} by ${text(event["by"])}`;
  }
  if (event["what"] === "fallback") return `falls back to ${text(event["to"])}`;
  return event["what"] === "output" ? "output repaired" : "retry scheduled";
}

/** From the task's making to its first claim: time that no agent is to blame for. */
function queueRow(event: TraceEvent, { later, clock }: Around): TraceRow {
  const claimed = later.find(({ type }) => type === "task.claimed");
  return {
    depth: 0,
    label: "in the queue",
    holder: null,
    startMs: clock(event),
    endMs: claimed === undefined ? null : clock(claimed),
    shade: "wait",
    tone: "plain",
    note: claimed === undefined ? "waits for a runner" : "",
    hints: [],
  };
}

/** Who asks a person gives its runner back until there is an answer. */
const ENDS_OF_AGENTS: readonly TraceEventType[] = ["agent.finished", "agent.failed", "approval.requested"];

function agentRow(event: TraceEvent, { later, clock }: Around): TraceRow {
  const end = later.find(({ type, activation }) => ENDS_OF_AGENTS.includes(type) && activation === event.activation);
  const failed = end?.type === "agent.failed";
  const meanwhile = end === undefined ? later : later.slice(0, later.indexOf(end));
  return {
    depth: 0,
    label: event.agent ?? "agent",
    holder: text(event["runner"]) || null,
    startMs: clock(event),
    endMs: end === undefined ? null : clock(end),
    shade: "agent",
    tone: failed ? "bad" : "plain",
    note: failed ? `failed: ${text(end["code"])}` : end === undefined ? "under way" : tokensOf(event, meanwhile),
    hints: [],
  };
}

/** What the whole visit took, over its turns. */
function tokensOf(start: TraceEvent, later: readonly TraceEvent[]): string {
  const answers = later.filter(({ type, activation }) => type === "model.answered" && activation === start.activation);
  const total = (name: string): number =>
    answers.reduce((sum, answer) => sum + (typeof answer[name] === "number" ? answer[name] : 0), 0);
  return `${count(total("inputTokens"))} / ${count(total("outputTokens"))}`;
}

function modelRow(event: TraceEvent, around: Around): TraceRow {
  const end = answerOf(event, around.later, ["model.answered", "model.failed"]);
  const failed = end?.type === "model.failed";
  const tokens = `${count(end?.["inputTokens"])} / ${count(end?.["outputTokens"])}`;
  const model = text(end?.["model"] ?? event["model"]);
  // Of a tool call, which stands above it.
  const isEmbedding = isEmbeddingStep(event.step ?? "");
  return {
    depth: isEmbedding ? 2 : 1,
    label: isEmbedding ? `embeddings  ${model}` : `turn ${event.turn ?? "?"}  ${model}`,
    holder: null,
    startMs: around.clock(event),
    endMs: end === undefined ? null : around.clock(end),
    shade: "model",
    tone: failed ? "bad" : "plain",
    note: failed
      ? text(end["code"])
      : end === undefined
        ? "no answer"
        : isEmbedding
          ? tokens
          : `${tokens}   stop: ${text(end["finishReason"])}`,
    hints: [],
  };
}

function toolRow(event: TraceEvent, around: Around): TraceRow {
  const end = answerOf(event, around.later, ["tool.answered", "tool.failed"]);
  const failed = end?.type === "tool.failed";
  return {
    depth: 2,
    label: text(event["tool"]),
    holder: null,
    startMs: around.clock(event),
    endMs: end === undefined ? null : around.clock(end),
    shade: "tool",
    tone: failed ? "bad" : "plain",
    note: failed
      ? `failed: ${text(end["code"])}${progressNote(event, end, around.later)}`
      : `${decisionNote(event, around.before)}${shortJson(event["arguments"])}${artifactNote(end)}${progressNote(event, end, around.later)}`,
    hints: [],
  };
}

function elicitedRow(event: TraceEvent, { clock }: Around): TraceRow {
  const question = text(event["question"]);
  return {
    depth: 2,
    label: "asked a person",
    holder: null,
    startMs: clock(event),
    endMs: null,
    shade: "tool",
    tone: "plain",
    note: elicitedNote(event),
    hints: question === "" ? [] : [question],
  };
}

function deniedRow(event: TraceEvent, { clock, placeOf }: Around): TraceRow {
  const denial = record(event["denial"] ?? event);
  const details = record(denial["details"]);
  const subject = text(details["tool"] ?? details["model"] ?? event["tool"]);
  const policy = text(details["policy"]);
  const why = [policy, text(details["rule"]), placeOf(policy) ?? ""].filter((part) => part !== "");
  return {
    depth: 2,
    label: subject,
    holder: null,
    startMs: clock(event),
    endMs: null,
    shade: "tool",
    tone: "bad",
    note: `✕ denied  ${text(denial["code"])}`,
    hints: why.length === 0 ? [] : [`because of ${why.join(", ")}`],
  };
}

/** From the question to its answer: time that people take, and no runner. */
function approvalRow(event: TraceEvent, { later, clock }: Around): TraceRow {
  const answer = later.find(
    ({ type, ...told }) => type === "approval.decided" && told["approval"] === event["approval"],
  );
  const by = text(answer?.["by"]);
  const open = `waits: countwheel describe approval ${text(event["approval"])}`;
  return {
    depth: 2,
    label: `approval of ${askedOf(event)}`,
    holder: null,
    startMs: clock(event),
    endMs: answer === undefined ? null : clock(answer),
    shade: "wait",
    tone: answer === undefined || answer["answer"] === "approved" ? "plain" : "bad",
    note:
      answer === undefined
        ? open
        : `${text(answer["answer"])}${by === "" ? "" : ` by ${by}`}  ${shortJson(event["arguments"])}`.trimEnd(),
    hints: text(answer?.["message"]) === "" ? [] : [`because ${text(answer?.["message"])}`],
  };
}

function askedOf(event: TraceEvent): string {
  return text(event["tool"]) || `turn ${event.turn ?? "?"}  ${text(event["model"])}`;
}

function takeoverRow(event: TraceEvent, { clock }: Around): TraceRow {
  return {
    depth: 1,
    label: `taken over from ${text(event["from"])}${after(event)}`,
    holder: null,
    startMs: clock(event),
    endMs: null,
    shade: "wait",
    tone: "plain",
    note: `epoch ${event.epoch ?? "?"}, attempt ${event.attempt ?? "?"}`,
    hints: [],
  };
}

function after(event: TraceEvent): string {
  return typeof event["afterMs"] === "number" ? ` after ${(event["afterMs"] / 1_000).toFixed(1)} s` : "";
}

function momentRow(label: string, tone: TraceRow["tone"]): RowMaker {
  return (event, { clock }) => ({
    depth: 1,
    label,
    holder: null,
    startMs: clock(event),
    endMs: null,
    shade: "wait",
    tone,
    note: text(event["message"] ?? event["code"] ?? event["by"]),
    hints: [],
  });
}

function answerOf(
  call: TraceEvent,
  later: readonly TraceEvent[],
  types: readonly TraceEventType[],
): TraceEvent | undefined {
  return later.find((event) => types.includes(event.type) && isOfStep(event, call));
}
