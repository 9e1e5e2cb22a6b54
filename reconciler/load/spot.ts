// Where a value stands in a document: its pointer in the canonical manifest, and its place in the text.
import { escapePointer } from "../../contracts/sensitive.ts";
import type { Span } from "./finding.ts";

export interface Spot {
  readonly pointer: string;
  /** For a value that is written as nothing: the span of what stands before it. */
  readonly span: Span;
  readonly depth: number;
}

export function spotBelow(spot: Spot, key: string | number, span: Span): Spot {
  return { pointer: `${spot.pointer}/${escapePointer(String(key))}`, span, depth: spot.depth + 1 };
}
