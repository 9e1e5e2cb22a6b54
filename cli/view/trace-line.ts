// One trace event as one line, for following a task while it runs.
import { progressOf, progressText } from "../../contracts/tool-progress.ts";
import type { TraceEvent } from "../../contracts/trace.ts";
import { oneLine, shorten } from "../../reconciler/plan/inert.ts";
import type { Paint } from "../output.ts";

const TOLD = [
  "tool",
  "progress",
  "model",
  "code",
  "message",
  "inputTokens",
  "outputTokens",
  "latencyMs",
  "holder",
  "from",
  "effect",
  "approval",
  "answer",
  "question",
  "content",
  "why",
  "by",
  "artifact",
];
const MAX_VALUE = 80;

export function renderEventLine(event: TraceEvent, startAt: string, paint: Paint): string {
  const seconds = ((Date.parse(event.at) - Date.parse(startAt)) / 1_000).toFixed(1).padStart(7);
  const type = isBad(event) ? paint("red", event.type.padEnd(18)) : event.type.padEnd(18);
  const told = TOLD.flatMap((name) => (event[name] === undefined ? [] : [`${name}=${valueText(event, name)}`]));
  return `${paint("dim", seconds)}  ${type}  ${(event.activation ?? "").padEnd(28)}  ${told.join(" ")}`.trimEnd();
}

function isBad(event: TraceEvent): boolean {
  return /denied|failed|lost|exceeded|dead_lettered|cancelled/.test(event.type);
}

/** What a model or a tool wrote can hold line ends and worse: nothing of it reaches the terminal as it is. */
function valueText(event: TraceEvent, name: string): string {
  const value = event[name];
  const progress = name === "progress" ? progressOf(event) : undefined;
  const text =
    progress === undefined ? (typeof value === "string" ? value : JSON.stringify(value)) : progressText(progress);
  return shorten(oneLine(text), MAX_VALUE);
}
