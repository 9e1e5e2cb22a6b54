// Conditions on the arguments of a call: a path and what must be true there. What an argument that is missing means is
// that nobody can tell, unless its matcher says `optional: true`.
import { isFields } from "../compile/read.ts";
import type { SpecError } from "../compiled.ts";
import { type Answer, answerOf } from "./answer.ts";
import { type ArgumentPath, findArgument, parseArgumentPath } from "./argument-path.ts";
import { compileMatcher } from "./compile-matcher.ts";
import type { ArgumentFacts, Matcher } from "./matcher.ts";

export interface ArgumentCondition {
  readonly path: ArgumentPath;
  readonly matcher: Matcher;
  /** `spec.rules[0].must.amount`. */
  readonly rule: string;
}

export interface Judged {
  readonly answer: Answer;
  readonly condition: ArgumentCondition;
}

export function compileConditions(spec: unknown, rule: string, errors: SpecError[]): ArgumentCondition[] {
  if (spec === undefined || spec === null) return [];
  if (!isFields(spec) || Object.keys(spec).length === 0) {
    errors.push({ rule, message: `\`${rule}\` is no map from argument to matcher` });
    return [];
  }
  return Object.entries(spec).flatMap(([name, matcherSpec]) => {
    const at = `${rule}.${name}`;
    const path = parseArgumentPath(name);
    if (path === undefined) errors.push({ rule: at, message: `\`${at}\`: \`${name}\` is no path of an argument` });
    const matcher = compileMatcher(matcherSpec, at, errors);
    return path === undefined || matcher === undefined ? [] : [{ path, matcher, rule: at }];
  });
}

export function judgeConditions(
  conditions: readonly ArgumentCondition[],
  args: Readonly<Record<string, unknown>>,
  facts: ArgumentFacts,
  /** What an optional argument that is missing means: in `match` it does not match, in `must` it breaks nothing. */
  missing: Answer,
): Judged[] {
  return conditions.map((condition) => {
    const found = findArgument(args, condition.path);
    const absent = condition.matcher.optional ? missing : "unsure";
    return { condition, answer: found.found ? condition.matcher.holds(found.value, facts) : absent };
  });
}

/** `additional: deny`: arguments that no condition names. */
export function judgeAdditional(
  conditions: readonly ArgumentCondition[],
  args: Readonly<Record<string, unknown>>,
  { work }: ArgumentFacts,
): Answer {
  if (!work.spend(Object.keys(args).length + conditions.length)) return "unsure";
  const named = new Set(conditions.map(({ path }) => path.segments[0]));
  return answerOf(Object.keys(args).every((name) => named.has(name)));
}
