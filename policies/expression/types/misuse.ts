// What an expression says of values that they cannot be: it never holds, or cannot be evaluated for any call.
import type { ASTNode } from "@marcbachmann/cel-js";
import type { Signatures } from "./functions.ts";
import type { Type } from "./type.ts";

export interface Misuse {
  /** The part of the expression. */
  readonly text: string;
  readonly why: string;
  readonly hint: string;
  /** Of a field that is not there: its path, as the expression spells it. */
  readonly field?: string;
  /** What was probably meant is one of these. */
  readonly near?: { readonly word: string; readonly candidates: readonly string[] };
}

export type Scope = ReadonlyMap<string, Type>;

/** One walk through an expression: the type of each part, and what was found so far. */
export interface Walk {
  readonly signatures: Signatures;
  readonly typeOf: (node: ASTNode, scope: Scope) => Type;
  /** Answers the type of what is wrong: anything, so that it is told once. */
  readonly refuse: Refuse;
}

export type Refuse = (node: ASTNode, misuse: Omit<Misuse, "text">) => Type;

const SHOWN = 80;

export function sourceOf({ input, range }: ASTNode): string {
  const text = input.slice(range.start, range.end);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
