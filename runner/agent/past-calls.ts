// The tool calls that an agent has made in this activation, and which of them a new one repeats.
import { canonicalJson } from "../../contracts/canonical.ts";
import type { StepId, ToolCall, ToolEffect, ToolResult } from "../../contracts/step.ts";
import { plainToolName } from "../../contracts/tool-names.ts";

export interface PastCall {
  readonly step: StepId;
  readonly result: ToolResult;
}

export class PastCalls {
  readonly #byCall = new Map<string, PastCall & { readonly effect: ToolEffect }>();
  readonly #answered = new Set<string>();

  /** Names of tools that have answered without an error, as policies compare them. */
  get answered(): ReadonlySet<string> {
    return this.#answered;
  }

  /** The earlier call of the same tool with the same arguments, where its result still holds. */
  find(call: ToolCall): PastCall | undefined {
    return call.malformed === undefined ? this.#byCall.get(keyOf(call)) : undefined;
  }

  /**
   * A failed call may be tried again, so it is not kept. What was read before something else was written may be another
   * thing by now: it is forgotten then. A write is kept: repeated, it would be made twice.
   */
  keep(call: ToolCall, step: StepId, result: ToolResult, effect: ToolEffect): void {
    if (result.isError) return;
    this.#answered.add(plainToolName(call.tool));
    if (effect !== "read") this.#forgetReads();
    if (call.malformed === undefined) this.#byCall.set(keyOf(call), { step, result, effect });
  }

  #forgetReads(): void {
    for (const [key, { effect }] of this.#byCall) if (effect === "read") this.#byCall.delete(key);
  }
}

function keyOf({ tool, arguments: args }: ToolCall): string {
  return `${plainToolName(tool)} ${canonicalJson(args)}`;
}
