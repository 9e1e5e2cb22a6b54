// What an answer by the tool contract comes to: a result, the tool's own complaint, or a failure that may pass.
import { TransientFailure, withoutEffect } from "../../../contracts/failure.ts";
import { type ContractAnswer, readContractAnswer, type ToolError } from "../../../contracts/tool-answer.ts";
import { boundAnswer, cutText } from "../../bound-text.ts";
import type { ToolAnswer } from "../tool.ts";

export interface ResultBounds {
  /** For people: `Tool default/search`. */
  readonly label: string;
  readonly limitBytes: number;
  readonly keepBytes: number;
}

/**
 * Of an answer: all of it must be there before any of it can be read, so that it is not cut as other results are. Room
 * enough for the longest result that is kept, in JSON.
 */
export const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

const QUOTED = 500;

/** Failures with these codes were told before anything was done. Any other one may follow an effect. */
const REFUSED: readonly string[] = [
  "invalid_input",
  "unsupported_tool",
  "runtime_policy_invalid",
  "isolation_unavailable",
  "permission_denied",
  "secret_resolution_failed",
  "rate_limited",
];

/**
 * An answer that cannot be read may have had its effect: it is never a PermanentFailure, which would say that nothing was
 * done.
 */
export function readAnswer(label: string, text: string, requestId: string): ContractAnswer {
  const read = readContractAnswer(text, requestId);
  if (read.outcome === "answer") return read.answer;
  throw invalidAnswer(label, read.why);
}

export type FinalAnswer = Exclude<ContractAnswer, { readonly status: "pending" }>;

/** Of an answer that is the last word on the call. */
export function finalAnswer(label: string, text: string, requestId: string): FinalAnswer {
  const answer = readAnswer(label, text, requestId);
  if (answer.status === "pending") throw invalidAnswer(label, "its `status` is `pending`");
  return answer;
}

export function invalidAnswer(label: string, why: string): TransientFailure {
  return new TransientFailure("TOOL_ANSWER_INVALID", `the answer of ${label} is none by the tool contract: ${why}`);
}

export function answerTooLarge(label: string): TransientFailure {
  const text = `${label} answered with more than ${MAX_ANSWER_BYTES} bytes`;
  return new TransientFailure("TOOL_RESULT_TOO_LARGE", text);
}

/** Throws TOOL_UNAVAILABLE where the tool says that the call may be tried again. */
export function resultOf(answer: FinalAnswer, { label, limitBytes, keepBytes }: ResultBounds): ToolAnswer {
  if (answer.status === "ok") {
    const { text } = answer;
    return { ...boundAnswer(text, limitBytes, Buffer.byteLength(text), keepBytes), isError: false };
  }
  const { status, error } = answer;
  const said = sentenceOf(error);
  if (status === "error" && error.retryable === true) {
    const failure = new TransientFailure("TOOL_UNAVAILABLE", `${label} failed: ${cutText(said, QUOTED)}`);
    throw REFUSED.includes(error.code) ? withoutEffect(failure) : failure;
  }
  const text = `${status}: ${said}`;
  return { ...boundAnswer(text, limitBytes, Buffer.byteLength(text), keepBytes), isError: true };
}

function sentenceOf({ code, reason, message }: ToolError): string {
  return [code, reason, message].filter((part) => part !== undefined && part !== "").join(": ");
}
