// What becomes of an answer without tool calls: the agent's output, or a reason to ask again.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { ModelAnswer } from "../../contracts/step.ts";
import type { ModelMessage } from "../models/model.ts";
import { type Execution, findMissing } from "./execution.ts";

/** The output that `execution.output_schema` wants. */
export interface OutputShape {
  readonly schema: Readonly<Record<string, unknown>>;
  /** What is wrong with a value, for the model to read; undefined: nothing. */
  problem(value: unknown): string | undefined;
}

export type Settled =
  /** `missing`: what a contract that is only observed was not kept in. */
  | { readonly outcome: "done"; readonly text: string; readonly missing: readonly string[] }
  /** The paused model goes on. */
  | { readonly outcome: "go-on"; readonly message: ModelMessage }
  /** The output does not fit: a turn like any other, at the gate, too. */
  | { readonly outcome: "repair"; readonly message: ModelMessage; readonly why: string };

/** Repairs of one activation. */
const MAX_REPAIRS = 2;

interface Expected {
  readonly agent: string;
  readonly output: OutputShape | undefined;
  readonly execution: Pick<Execution, "contract">;
}

/**
 * Checked here whatever the provider enforced. `answered`: the tools that have answered. Throws PermanentFailure
 * MODEL_EMPTY, or, where `repairs` made so far are enough, OUTPUT_INVALID or CONTRACT_VIOLATED.
 */
export function settleOutput(
  expected: Expected,
  { text, finishReason }: ModelAnswer,
  answered: ReadonlySet<string>,
  repairs: number,
): Settled {
  if (finishReason === "pause") return { outcome: "go-on", message: { role: "user", text: "Go on." } };
  if (text.trim() === "") throw new PermanentFailure("MODEL_EMPTY", `the model of ${expected.agent} answered nothing`);
  return judge(expected, text, answered, repairs);
}

/** What a tool answered is the output (`stop_on_first_tool`): nobody is left who could mend it. */
export function settleToolOutput(expected: Expected, text: string, answered: ReadonlySet<string>): Settled {
  return judge(expected, text, answered, MAX_REPAIRS);
}

function judge(expected: Expected, text: string, answered: ReadonlySet<string>, repairs: number): Settled {
  const { agent, output, execution } = expected;
  const missing = findMissing(execution.contract, answered, text);
  if (missing.length > 0 && execution.contract?.enforced === true) {
    const why = missing.join("; ");
    return repairOr(repairs, why, `Your work is not complete: ${why}.`, () => {
      return new PermanentFailure("CONTRACT_VIOLATED", `${agent} broke its contract: ${why}`);
    });
  }
  const read = output === undefined ? { outcome: "fits" as const, text } : readOutput(output, text);
  if (read.outcome === "fits") return { outcome: "done", text: read.text, missing };
  const wish = `Your answer does not fit the JSON Schema of the output: ${read.why}. Answer again with the JSON value alone.`;
  return repairOr(repairs, read.why, wish, () => {
    const what = `the output of ${agent} still does not fit its output_schema after ${repairs} repairs`;
    return new PermanentFailure("OUTPUT_INVALID", `${what}: ${read.why}`);
  });
}

function repairOr(repairs: number, why: string, wish: string, failure: () => PermanentFailure): Settled {
  if (repairs >= MAX_REPAIRS) throw failure();
  return { outcome: "repair", message: { role: "user", text: wish }, why };
}

type Read = { readonly outcome: "fits"; readonly text: string } | { readonly outcome: "misfit"; readonly why: string };

/** Models like to put JSON in a fence; what is inside is what they mean. */
function readOutput(output: OutputShape, text: string): Read {
  const inner = /^\s*```(?:json)?\s*\n([\s\S]*?)\n?```\s*$/.exec(text)?.[1] ?? text;
  const parsed = parse(inner);
  if (parsed.outcome === "broken") return { outcome: "misfit", why: "it is no JSON" };
  const why = output.problem(parsed.value);
  return why === undefined ? { outcome: "fits", text: inner.trim() } : { outcome: "misfit", why };
}

function parse(text: string): { readonly outcome: "json"; readonly value: unknown } | { readonly outcome: "broken" } {
  try {
    return { outcome: "json", value: JSON.parse(text) as unknown };
  } catch {
    // Only a SyntaxError comes from here; the model reads that it is no JSON, and where would not help it.
    return { outcome: "broken" };
  }
}
