// A task's trace as a waterfall: one row per agent, turn, tool call and denial, with time, tokens and the gate's answer.

import { renderDuration } from "../../contracts/duration.ts";
import type { TaskRecord } from "../../contracts/task.ts";
import type { ChainVerdict, TraceEvent } from "../../contracts/trace.ts";
import { summarizeTrace } from "../../contracts/trace-summary.ts";
import { wholeNumber } from "../../contracts/whole-number.ts";
import { oneLine, showUnseen } from "../../reconciler/plan/inert.ts";
import type { Paint } from "../output.ts";
import { renderCost } from "./table.ts";
import { type PlaceOf, type TraceRow, traceRows } from "./trace-rows.ts";

export interface TraceView {
  readonly task: TaskRecord;
  readonly events: readonly TraceEvent[];
  readonly verdict: ChainVerdict;
  readonly placeOf: PlaceOf;
}

const LABEL_WIDTH = 34;
const MIN_BAR = 12;
const MAX_BAR = 40;
const FIXED_COLUMNS = 78;

export function renderTrace(view: TraceView, paint: Paint, columns: number): string {
  const barWidth = Math.min(MAX_BAR, Math.max(MIN_BAR, columns - FIXED_COLUMNS));
  const rows = traceRows(view.events, view.placeOf);
  const durationMs = Math.max(1, summarizeTrace(view.events).durationMs);
  const lines = rows.flatMap((row) => renderRow(row, { paint, barWidth, durationMs }));
  return [...renderHeader(view, paint), "", ...lines, ...renderEnd(view.task, paint)]
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

function renderHeader({ task, events, verdict }: TraceView, paint: Paint): string[] {
  const summary = summarizeTrace(events);
  const denied = summary.denied > 0 ? paint("red", `, ${summary.denied} denied`) : "";
  const facts = [
    counted(summary.agents.length, "agent"),
    counted(summary.turns, "turn"),
    `${counted(summary.calls, "call")}${denied}`,
    `${wholeNumber(summary.inputTokens)} in / ${wholeNumber(summary.outputTokens)} out`,
    renderCost(summary.costUsd),
  ];
  const origin = [
    ...(task.source?.commit ? [`commit ${task.source.commit.slice(0, 7)}`] : []),
    ...(task.plan === null ? [] : [`plan ${shortHash(task.plan)}`]),
    `snapshot ${shortHash(task.snapshot)}`,
    renderVerdict(verdict, paint),
  ];
  return [
    `${paint("bold", task.name)}  ${paintPhase(task.phase, paint)}  ${renderDuration(summary.durationMs)}   ${facts.join(" · ")}`,
    paint("dim", origin.join(" · ")),
  ];
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function shortHash(digest: string): string {
  return `${digest.slice(0, 15)}…`;
}

export function paintPhase(phase: TaskRecord["phase"], paint: Paint): string {
  switch (phase) {
    case "Succeeded":
      return paint("green", phase);
    case "Failed":
    case "DeadLetter":
      return paint("red", phase);
    case "Unknown":
    case "WaitingApproval":
    case "Cancelled":
      return paint("yellow", phase);
    case "Pending":
    case "Running":
      return phase;
  }
}

export function renderVerdict(verdict: ChainVerdict, paint: Paint): string {
  return verdict.outcome === "intact"
    ? `chain ${verdict.events} events, verified${verdict.erased === undefined ? "" : `, ${verdict.erased} of them erased`}`
    : paint("red", `chain BROKEN at event ${verdict.seq} (${verdict.reason})`);
}

interface RowFrame {
  readonly paint: Paint;
  readonly barWidth: number;
  readonly durationMs: number;
}

function renderRow(row: TraceRow, frame: RowFrame): string[] {
  const { paint } = frame;
  const label = cut(`${"  ".repeat(row.depth)}${oneLine(row.label)}`, LABEL_WIDTH).padEnd(LABEL_WIDTH);
  const start = (row.startMs / 1_000).toFixed(1).padStart(7);
  const bar = row.endMs === null ? " ".repeat(frame.barWidth + 2) : renderBar(row, frame);
  const took = (row.endMs === null ? "" : renderDuration(row.endMs - row.startMs)).padStart(9);
  const styled = row.tone === "bad" ? paint("red", label) : row.depth === 0 ? paint("bold", label) : label;
  const note = row.tone === "bad" ? paint("red", oneLine(row.note)) : oneLine(row.note);
  return [
    `${paint("dim", start)}  ${styled} ${(row.holder ?? "").padEnd(4)} ${bar} ${took}   ${note}`,
    ...row.hints.map((hint) => paint("dim", `${" ".repeat(11)}${oneLine(hint)}`)),
  ];
}

const SHADES = { model: "█", tool: "▓", agent: "─", wait: "░" } as const;

/** Model, tool, agent and waiting time differ by their shade, not by colour alone. */
function renderBar(row: TraceRow, { barWidth, durationMs, paint }: RowFrame): string {
  const end = row.endMs ?? row.startMs;
  const from = Math.min(barWidth - 1, Math.floor((row.startMs / durationMs) * barWidth));
  const to = Math.max(from + 1, Math.round((end / durationMs) * barWidth));
  const fill = SHADES[row.shade].repeat(Math.min(barWidth, to) - from);
  return `▕${" ".repeat(from)}${paint(row.shade === "wait" ? "yellow" : "cyan", fill)}${" ".repeat(barWidth - from - fill.length)}▏`;
}

function renderEnd(task: TaskRecord, paint: Paint): string[] {
  if (task.lastError === undefined) return [];
  return ["", paint("red", showUnseen(`${task.lastError.code}: ${task.lastError.message}`))];
}

function cut(text: string, width: number): string {
  const letters = Array.from(text);
  return letters.length <= width ? text : `${letters.slice(0, width - 1).join("")}…`;
}
