// Whether an edge's condition holds for an agent's output. Pure; patterns are RE2, so no text can make them hang.
import { PermanentFailure } from "../../contracts/failure.ts";
import { CONDITION_LIMITS, type EdgeCondition } from "../../contracts/graph.ts";
import { compileRe2, MAX_SEARCH, type Re2, searchSteps } from "../../policies/re2.ts";
import { findPath } from "./json-path.ts";

/** All fields of a condition are and-ed. `default` is not decided here: it depends on the edges beside it. */
export function conditionHolds(condition: EdgeCondition, output: string): boolean {
  const { output_contains: wanted, output_not_contains: unwanted, output_matches: pattern } = condition;
  if (wanted !== undefined && !output.includes(wanted)) return false;
  if (unwanted !== undefined && output.includes(unwanted)) return false;
  if (pattern !== undefined && !occurs(pattern, output)) return false;
  return condition.output_json_path === undefined || valueHolds(condition, condition.output_json_path, output);
}

/** Throws PermanentFailure where nobody could tell in time: a branch that is taken by chance would be worse. */
function occurs(pattern: string, output: string): boolean {
  const compiled = compile(pattern);
  if (searchSteps(compiled, output) <= MAX_SEARCH) return compiled.matcher(output).find();
  const message = `\`output_matches: ${pattern}\` is too large for an output of ${output.length} characters`;
  throw new PermanentFailure("CONDITION_TOO_LARGE", message);
}

function compile(pattern: string): Re2 {
  const compiled = compileRe2(pattern, CONDITION_LIMITS.pattern);
  if (compiled !== undefined) return compiled;
  throw new PermanentFailure("CONDITION_INVALID", `\`output_matches: ${pattern}\` is no RE2 pattern`);
}

/** A path that finds nothing fulfils nothing, `not_equals` included: a missing answer is no answer. */
function valueHolds(condition: EdgeCondition, path: string, output: string): boolean {
  const found = findPath(readJson(output), path);
  if (found === undefined) return false;
  const { equals, not_equals: different, contains, greater_than: floor, less_than: ceiling } = condition;
  if (equals !== undefined && !sameValue(found, equals)) return false;
  if (different !== undefined && sameValue(found, different)) return false;
  if (contains !== undefined && !holds(found, contains)) return false;
  if (floor !== undefined && !(numberOf(found) > floor)) return false;
  return ceiling === undefined || numberOf(found) < ceiling;
}

/** NaN, which compares with nothing, for everything that is no number or its text. */
function numberOf(found: unknown): number {
  if (typeof found === "number") return found;
  return typeof found === "string" && found.trim() !== "" ? Number(found) : Number.NaN;
}

const FENCED = /```(?:json)?\s*\n([\s\S]*?)\n\s*```/;

/** Models like to wrap their JSON in a fence; both forms count. Text that is no JSON has no paths. */
function readJson(output: string): unknown {
  for (const text of [output, FENCED.exec(output)?.[1]]) {
    try {
      if (text !== undefined) return JSON.parse(text);
    } catch {
      // Not JSON in this form: the next one may be.
    }
  }
  return undefined;
}

/** Manifests hold `"5"` and `5`, models write either: scalars are the same when their text is. */
function sameValue(found: unknown, expected: unknown): boolean {
  return textOf(found) === textOf(expected);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function holds(found: unknown, part: unknown): boolean {
  if (Array.isArray(found)) return found.some((item) => sameValue(item, part));
  return textOf(found).includes(textOf(part));
}
