// Prints the lines around a place. Lines with secrets are told of, never shown, and nothing in a line can speak to a terminal.
import { codeFrameColumns } from "@babel/code-frame";
import { showUnseen } from "../plan/inert.ts";
import type { LineColumn } from "./lines.ts";

export interface FrameRange {
  readonly start: LineColumn;
  /** Excluded; on a later line than the start, the first line alone is underlined. */
  readonly end: LineColumn;
}

const ABOVE = 2;
const BELOW = 1;
const WIDTH = 160;

/** `lines` are those of the whole file; `isHidden` answers for a line number, from 1. */
export function codeFrame(
  lines: readonly string[],
  range: FrameRange,
  isHidden: (line: number) => boolean,
): string | undefined {
  const { line, column } = range.start;
  if (isHidden(line) || line > lines.length) return undefined;
  const first = Math.max(1, line - ABOVE);
  const window = lines
    .slice(first - 1, line + BELOW)
    .map((text, index) => (isHidden(first + index) ? "(hidden)" : showUnseen(text.slice(0, WIDTH))));
  if (window.at(-1)?.trim() === "") window.pop();
  const shown = window[line - first]?.length ?? 0;
  const endColumn = range.end.line === line ? range.end.column : shown + 1;
  const start = Math.min(column, shown + 1);
  const marked = {
    start: { line, column: start },
    end: { line, column: Math.max(Math.min(endColumn, shown + 1), start + 1) },
  };
  // `startLine` is newer than the types of the package.
  const options = { linesAbove: ABOVE, linesBelow: BELOW, highlightCode: false, startLine: first };
  return codeFrameColumns(window.join("\n"), marked, options);
}
