// Annotations of a plan: one on the manifest line of each change and each problem, what takes something away first. Pure.
import { displayAddress } from "../../contracts/address.ts";
import type { Change, FieldChange, Plan } from "../../contracts/plan.ts";
import type { Place, Problem } from "../../contracts/problem.ts";
import { describeField, fieldName } from "../plan/field-text.ts";
import { oneLine, shorten, showUnseen } from "../plan/inert.ts";
import type { Annotation } from "./github/checks.ts";

export const ANNOTATION_LIMITS = {
  /** GitHub's bound for one request; later requests append. */
  perRequest: 50,
  /** Ours: each 50 cost a write, and GitHub allows 80 writes a minute. The check's text names what is left out. */
  total: 500,
  /** GitHub allows 255 and 64 KB; a line in the margin of a file is read, not studied. */
  titleLength: 200,
  messageLength: 1_000,
} as const;

/** The same plan always gives the same list: a report that was cut off goes on where GitHub's count stands. */
export function annotatePlan(plan: Plan): Annotation[] {
  return draftAll(plan).slice(0, ANNOTATION_LIMITS.total).map(place);
}

/** How many there would be without our bound. */
export function countAnnotations(plan: Plan): number {
  return draftAll(plan).length;
}

function draftAll({ changes, problems }: Plan): Draft[] {
  const blocked = changes.filter((change) => change.blocked !== undefined);
  const open = changes.filter((change) => change.blocked === undefined);
  return [
    ...blocked.map(annotateBlocked),
    ...open.filter(({ action }) => action === "prune").map(annotatePrune),
    ...problems.filter(({ severity }) => severity === "error").map(annotateProblem),
    ...problems.filter(({ severity }) => severity === "warning").map(annotateProblem),
    ...open.filter(({ action }) => action !== "prune").flatMap(annotateChange),
  ];
}

interface Draft {
  readonly at: Place;
  readonly level: Annotation["annotation_level"];
  readonly title: string;
  readonly message: string;
}

function annotateBlocked(change: Change): Draft {
  const { code, message } = change.blocked ?? { code: "", message: "" };
  const title = `${displayAddress(change)} is blocked (${code})`;
  return { at: change.source, level: "warning", title, message };
}

function annotatePrune(change: Change): Draft {
  const message = `${change.reason}. Its manifest stood here when it was applied.`;
  return { at: change.source, level: "warning", title: `${displayAddress(change)} will be pruned`, message };
}

function annotateProblem(problem: Problem): Draft {
  const level = problem.severity === "error" ? "failure" : "warning";
  const message = problem.detail === "" ? problem.summary : `${problem.summary}\n${problem.detail}`;
  return { at: problem, level, title: problem.code, message };
}

/** An update is shown where its fields stand: what changed on one line is one annotation. */
function annotateChange(change: Change): Draft[] {
  const name = displayAddress(change);
  if (change.action === "move") {
    const message = `It was ${change.previousAddress ?? "elsewhere"}.`;
    return [{ at: change.source, level: "notice", title: `${name} will be moved`, message }];
  }
  if (change.action === "create" || change.fields.length === 0) {
    const title = `${name} will be ${change.action === "create" ? "created" : "updated"}`;
    return [{ at: change.source, level: "notice", title, message: change.reason }];
  }
  return [...byLine(change.fields).values()].map((fields) => ({
    at: fields[0]?.source ?? change.source,
    level: "notice",
    title: `${name} will be updated`,
    message: fields.map(annotateField).join("\n"),
  }));
}

function byLine(fields: readonly FieldChange[]): Map<string, FieldChange[]> {
  const lines = new Map<string, FieldChange[]>();
  for (const field of fields) {
    const key = `${field.source.file}:${field.source.line}`;
    lines.set(key, [...(lines.get(key) ?? []), field]);
  }
  return lines;
}

function annotateField(field: FieldChange): string {
  return `${fieldName(field.path)}: ${describeField(field)}`;
}

function place({ at, level, title, message }: Draft): Annotation {
  return {
    path: at.file,
    start_line: Math.max(1, at.line),
    end_line: Math.max(1, at.line),
    annotation_level: level,
    // Annotations are plain text: only what deceives the eye has to go.
    title: shorten(oneLine(title), ANNOTATION_LIMITS.titleLength),
    message: shorten(showUnseen(message), ANNOTATION_LIMITS.messageLength),
  };
}
