// What a matcher is once it is compiled, and what it may know besides the value.
import type { SpecError } from "../compiled.ts";
import type { Answer } from "./answer.ts";
import type { Work } from "./work.ts";

/** Of a call. */
export interface CallFacts {
  /** The task's input; undefined: not at hand, and whatever needs it cannot be told. */
  readonly input: Readonly<Record<string, string>> | undefined;
  /**
   * Where a path really leads, symlinks followed. null: nobody can say. undefined: nobody looked, as where no call is
   * made (access, tests of policies); the path is then judged as it is written.
   */
  readonly realPath: (path: string) => string | null | undefined;
}

export interface ArgumentFacts extends CallFacts {
  /** Of the decision. What would take too much of it cannot be told. */
  readonly work: Work;
}

export interface Matcher {
  /** Completes "`amount` must be …": `at most 100`. Never holds the call's values. */
  readonly text: string;
  /** Says yes for a missing argument. */
  readonly optional: boolean;
  holds(value: unknown, facts: ArgumentFacts): Answer;
}

/** Compiles what stands behind one word of a matcher, such as `at_most: 100`. undefined: an error was added. */
export type CompileWord = (value: unknown, rule: string, errors: SpecError[]) => WordMatcher | undefined;

export type WordMatcher = Omit<Matcher, "optional">;

export function refuse(errors: SpecError[], rule: string, why: string): undefined {
  errors.push({ rule, message: `\`${rule}\` ${why}` });
  return undefined;
}
