// What stands beside the rows of a waterfall: of a call, of its decision, of what it came to. Pure.
import { progressOf, progressText } from "../../contracts/tool-progress.ts";
import type { TraceEvent } from "../../contracts/trace.ts";
import { wholeNumber } from "../../contracts/whole-number.ts";
import { shorten } from "../../reconciler/plan/inert.ts";

const LONGEST_PROGRESS = 60;

/** How far a call has come, or had, that has no result; of one that is done nobody asks. */
export function progressNote(call: TraceEvent, end: TraceEvent | undefined, later: readonly TraceEvent[]): string {
  if (end?.type === "tool.answered") return "";
  const told =
    end ??
    later.findLast((event) => event.type === "tool.progress" && isOfStep(event, call) && event.epoch === call.epoch);
  const progress = told === undefined ? undefined : progressOf(told);
  return progress === undefined ? "" : `  at ${shorten(progressText(progress), LONGEST_PROGRESS)}`;
}

/** Which `trace --artifact` prints. */
export function artifactNote(end: TraceEvent | undefined): string {
  const id = text(end?.["artifact"]);
  return id === "" ? "" : `  → artifact ${id}, ${Number(end?.["artifactBytes"])} bytes`;
}

export function decisionNote(event: TraceEvent, before: readonly TraceEvent[]): string {
  const decided = before.findLast(
    ({ type, step, activation }) => type === "tool.decided" && step === event.step && activation === event.activation,
  );
  const decision = decided === undefined ? undefined : record(decided["decision"] ?? decided);
  const micros = decision?.["micros"];
  return typeof micros === "number" ? `allow ${(micros / 1_000).toFixed(2)} ms  ` : "allow  ";
}

/** What a server asked a person was answered with, in the place of one. */
export function elicitedNote({ answer, content, why, among }: TraceEvent): string {
  const told = content === undefined ? text(why) : shortJson(content);
  const others = typeof among === "number" ? `  (one of ${among} calls at that time asked)` : "";
  return `${text(answer)}  ${told}${others}`.trimEnd();
}

export function isOfStep({ step, activation }: TraceEvent, call: TraceEvent): boolean {
  return step === call.step && activation === call.activation;
}

const MAX_ARGUMENTS = 60;

export function shortJson(value: unknown): string {
  if (value === undefined) return "";
  const json = JSON.stringify(value) ?? "";
  return json.length <= MAX_ARGUMENTS ? json : `${json.slice(0, MAX_ARGUMENTS - 1)}…`;
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}

export function count(value: unknown): string {
  return typeof value === "number" ? wholeNumber(value) : "-";
}

export function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
