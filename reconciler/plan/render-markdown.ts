// The plan in Markdown, for the pull-request comment, the check run and `plan -o markdown`: one renderer, one byte budget.
import type { Plan } from "../../contracts/plan.ts";
import type { Place } from "../../contracts/problem.ts";
import { accessPart } from "./access-part.ts";
import { driftPart } from "./drift-part.ts";
import { type DiffForm, renderDetails } from "./markdown-diff.ts";
import {
  countsPart,
  footerPart,
  headingLine,
  hintsPart,
  linkPlace,
  markerLine,
  problemsPart,
  tablePart,
  warningsPart,
} from "./markdown-parts.ts";
import { replayPart } from "./replay-part.ts";

/** GitHub's limit for a comment is 65,536 characters; bytes are the stricter reading. */
export const COMMENT_BYTES = 65_536;

export interface MarkdownOptions {
  readonly maxBytes?: number;
  readonly state?: "open" | "applying" | "applied" | "stale";
  /** The commit that is planned; null for a working tree. Links go to it. */
  readonly head: string | null;
  /** The commit that was applied last; links of prunes go to it. */
  readonly base: string | null;
  /** The address of a line at a commit, safe within `(…)`. See githubLinks. */
  readonly linkTo?: (place: Place, commit: string) => string | undefined;
  /** Markdown of ours, instead of the verdict: what became of the plan. */
  readonly heading?: string;
  /** Markdown of ours that follows the counts, such as the tasks that an apply started. */
  readonly notes?: string;
  /** How to go on, as Markdown of ours. */
  readonly next?: string;
  /** Where the whole plan can be read, for a comment that had to be cut. */
  readonly fullPlanUrl?: string;
  readonly tookMs?: number;
}

/** Drift is no part of what would be applied: a few rows, and how to see the rest. */
const DRIFT_ROWS = 20;

interface Shape {
  readonly details: DiffForm | "none";
  readonly table: boolean;
  /** Rows of the lists that are never dropped as a whole. */
  readonly limit: number;
}

/**
 * In the order in which a plan that is too long gives way: context lines, then whole prompts, then details, then the
 * table; at last the lists of prunes, problems and access are counted from some row on. Counts always stay.
 */
const SHAPES: readonly Shape[] = [
  { details: "full", table: true, limit: Number.POSITIVE_INFINITY },
  { details: "tight", table: true, limit: Number.POSITIVE_INFINITY },
  { details: "words", table: true, limit: Number.POSITIVE_INFINITY },
  { details: "none", table: true, limit: Number.POSITIVE_INFINITY },
  ...[Number.POSITIVE_INFINITY, 300, 100, 30, 10, 3, 0].map(
    (limit) => ({ details: "none", table: false, limit }) as const,
  ),
];

/** Text of at most `maxBytes` bytes, its first line the machine marker. Everything from manifests is inert. */
export function renderPlanMarkdown(plan: Plan, options: MarkdownOptions): string {
  const maxBytes = options.maxBytes ?? COMMENT_BYTES;
  for (const shape of SHAPES) {
    const text = renderShape(plan, options, shape, maxBytes);
    if (text !== undefined && Buffer.byteLength(text) <= maxBytes) return text;
  }
  return [markerLine(plan, options), headingLine(plan, options), "", countsPart(plan), ""].join("\n");
}

function renderShape(plan: Plan, options: MarkdownOptions, shape: Shape, maxBytes: number): string | undefined {
  const details = detailsPart(plan, shape.details, maxBytes);
  if (details === undefined) return undefined;
  const parts = [
    countsPart(plan),
    options.notes ?? "",
    warningsPart(plan, options, shape.limit),
    shape.table ? tablePart(plan, options) : cutPart(plan, options),
    details,
    accessPart(plan, (place) => linkPlace(place, options, options.head), shape.limit),
    replayPart(plan, shape.limit),
    driftPart(plan, Math.min(shape.limit, DRIFT_ROWS)),
    shape.details === "none" ? "" : hintsPart(plan),
    problemsPart(plan, options, shape.limit),
    options.next ?? "",
    footerPart(plan, options),
  ];
  const body = parts.filter((part) => part !== "").join("\n\n");
  return `${markerLine(plan, options)}\n${headingLine(plan, options)}\n\n${body}\n`;
}

/** Stops as soon as the budget is spent: a plan of ten thousand changes is not rendered three times over. */
function detailsPart({ changes }: Plan, form: Shape["details"], maxBytes: number): string | undefined {
  if (form === "none") return "";
  let left = maxBytes;
  const rendered: string[] = [];
  for (const change of changes) {
    const text = renderDetails(change, form);
    left -= Buffer.byteLength(text);
    if (left < 0) return undefined;
    rendered.push(text);
  }
  return rendered.join("\n");
}

function cutPart({ changes }: Plan, { fullPlanUrl }: MarkdownOptions): string {
  const whole = fullPlanUrl === undefined ? "`countwheel plan` shows it whole" : `[the whole plan](${fullPlanUrl})`;
  return `The list of ${changes.length} changes is too long for this place: ${whole}.`;
}
