// Conditions in CEL (`when:`), for what matchers cannot say. Bounded when they are read, so that none can hold up a gate.
import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import type { Answer } from "../arguments/answer.ts";
import { mayMatch } from "../arguments/matchers/texts.ts";
import type { Work } from "../arguments/work.ts";
import { type Examined, examine, type Patterns } from "./examine.ts";

/** What an expression may name. Before a model call `args` and `operation_classes` are empty and `tool` is "". */
export interface ExpressionContext {
  readonly args: Readonly<Record<string, unknown>>;
  readonly tool: string;
  readonly operation_classes: readonly string[];
  readonly model: string;
  readonly agent: string;
  readonly system: string;
  readonly task: string;
  readonly input: Readonly<Record<string, string>>;
}

export interface Expression {
  readonly text: string;
  /** Names the tool, its classes or its arguments. */
  readonly aboutTools: boolean;
  holds(context: ExpressionContext, work: Work): Answer;
}

export type Compiled =
  | { readonly outcome: "compiled"; readonly expression: Expression }
  | { readonly outcome: "refused"; readonly why: string };

const LIMITS = { maxAstNodes: 256, maxDepth: 24, maxListElements: 64, maxMapEntries: 32, maxCallArguments: 8 };
const MAX_TEXT = 2_048;
/** Arguments of a call that expressions look at; larger ones cannot be judged by them. */
const MAX_ARGUMENTS = 16_384;
const MAX_ITEMS = 64;
/** Steps of one weight over the largest arguments; over smaller ones it is less, but never less than over these. */
const STEPS_PER_WEIGHT = 60;
const SMALLEST_ARGUMENTS = 256;

export function compileExpression(text: string): Compiled {
  if (text.length > MAX_TEXT) return refused(`is longer than ${MAX_TEXT} characters`);
  const patterns: Patterns = new Map();
  const meter: Meter = { work: undefined };
  try {
    const program = environmentWith(patterns, meter).parse(text);
    const examined = examine(program.ast);
    if (examined.outcome === "refused") return examined;
    for (const [pattern, compiled] of examined.patterns) patterns.set(pattern, compiled);
    const checked = program.check();
    if (!checked.valid) return refused(`is no valid CEL: ${messageOf(checked.error)}`);
    if (checked.type !== "bool" && checked.type !== "dyn")
      return refused(`is a ${checked.type ?? "?"}, not true or false`);
    return { outcome: "compiled", expression: makeExpression(text, program, examined, meter) };
  } catch (error) {
    return refused(`is no CEL: ${messageOf(error)}`);
  }
}

function refused(why: string): Compiled {
  return { outcome: "refused", why };
}

/** The first line only: the rest is a drawing of the place. */
function messageOf(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
}

type Program = ReturnType<Environment["parse"]>;

/** Of the evaluation under way, for functions that an expression calls: they get nothing but its values. */
interface Meter {
  work: Work | undefined;
}

function makeExpression(
  text: string,
  program: Program,
  { names, weight }: Extract<Examined, { outcome: "examined" }>,
  meter: Meter,
): Expression {
  return {
    text,
    aboutTools: ["args", "tool", "operation_classes"].some((name) => names.has(name)),
    holds: (context, work) => {
      const size = sizeOf(context.args);
      if (size === undefined || !work.spend(stepsOf(weight, size))) return "unsure";
      meter.work = work;
      try {
        const value: unknown = program({ ...context });
        return value === true ? "yes" : value === false ? "no" : "unsure";
      } catch {
        // A field that is not there, a comparison of a text with a number: nobody can tell what the rule would say.
        return "unsure";
      } finally {
        meter.work = undefined;
      }
    },
  };
}

function stepsOf(weight: number, size: number): number {
  return (weight * STEPS_PER_WEIGHT * Math.max(size, SMALLEST_ARGUMENTS)) / MAX_ARGUMENTS;
}

/**
 * Macros walk lists: their length is bounded as the weight of what they do with each item is. undefined: they are too large
 * for an expression.
 */
function sizeOf(args: Readonly<Record<string, unknown>>): number | undefined {
  let left = MAX_ARGUMENTS;
  const walk = (value: unknown): boolean => {
    left -= typeof value === "string" ? value.length : 8;
    if (left < 0) return false;
    if (Array.isArray(value)) return value.length <= MAX_ITEMS && value.every(walk);
    if (typeof value !== "object" || value === null) return true;
    const entries = Object.entries(value);
    return entries.length <= MAX_ITEMS && entries.every(([key, inner]) => (left -= key.length) >= 0 && walk(inner));
  };
  return walk(args) ? MAX_ARGUMENTS - left : undefined;
}

const BASE = ["tool", "model", "agent", "system", "task"].reduce(
  (environment, name) => environment.registerVariable(name, "string"),
  new Environment({ homogeneousAggregateLiterals: false, limits: LIMITS })
    .registerVariable("args", "map")
    .registerVariable("input", "map<string, string>")
    .registerVariable("operation_classes", "list<string>"),
);

/** `text.re2("…")`: the whole text, as the matcher `matches`. Its patterns are literals, compiled when the rule was read. */
function environmentWith(patterns: Patterns, meter: Meter): Environment {
  return BASE.clone().registerFunction("string.re2(string): bool", (text: string, pattern: string) => {
    const compiled = patterns.get(pattern);
    const mayBe = compiled !== undefined && meter.work !== undefined && mayMatch(compiled, text, meter.work);
    if (!mayBe) throw new RangeError("cannot be matched");
    return compiled.matches(text);
  });
}

/** For whoever looks into expressions without evaluating them. */
export const READING = environmentWith(new Map(), { work: undefined });

/** undefined: it is none. */
export function readExpression(text: string): ASTNode | undefined {
  try {
    return READING.parse(text).ast;
  } catch {
    return undefined;
  }
}
