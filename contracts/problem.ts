// A problem: something that a manifest's author must fix, with its place and its fix.

export const PROBLEM_CODES = [
  "SYNTAX",
  "ENCODING",
  "LIMIT",
  "SCHEMA",
  "UNKNOWN_FIELD",
  "UNKNOWN_KIND",
  "UNKNOWN_API_VERSION",
  "DANGLING_REFERENCE",
  "DUPLICATE_ADDRESS",
  "DUPLICATE_TOOL_NAME",
  "PLAINTEXT_SECRET",
  "LIKELY_CREDENTIAL",
  "CYCLE",
  "MOVE_CONFLICT",
  "STATUS_IGNORED",
  "UNSUPPORTED_FILE",
  "PATH_COLLISION",
  "NOT_A_MANIFEST",
  "OVERLAY",
  "POLICY_TEST",
] as const;

export type ProblemCode = (typeof PROBLEM_CODES)[number];

/** `line` and `column` begin at 1; `file` is relative to the set's root, with `/`. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** CONTRACT: `{severity, code, summary, detail, address?, file, line, column}`; `related` is a second place, `frame` a code frame. */
export interface Problem extends Place {
  readonly severity: "error" | "warning";
  readonly code: ProblemCode;
  /** One line, the author's own words in backticks. */
  readonly summary: string;
  /** How to mend it. May be empty. */
  readonly detail: string;
  readonly address?: string;
  readonly related?: Place;
  /** The lines around the place, ready to print; absent where the text is not to be shown (secrets). */
  readonly frame?: string;
}

export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === "error");
}

/** By file, then place, then code: the order in which problems are always shown. */
export function compareProblems(a: Problem, b: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column || (a.code < b.code ? -1 : a.code > b.code ? 1 : 0);
}
