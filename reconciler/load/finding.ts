// A finding: a problem of one document before it is known in which file the document stands.
import type { ProblemCode } from "../../contracts/problem.ts";
import { oneLine, shorten } from "../plan/inert.ts";

/** Offsets into the document's text, the end excluded. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Finding {
  readonly severity: "error" | "warning";
  readonly code: ProblemCode;
  readonly summary: string;
  readonly detail: string;
  readonly span: Span;
}

const QUOTED_LENGTH = 80;

/** The author's own words in backticks: on one line, short, and without characters that a terminal would obey. */
export function quote(text: string): string {
  return `\`${shorten(oneLine(text), QUOTED_LENGTH).replaceAll("`", "'")}\``;
}
