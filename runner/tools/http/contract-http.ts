// The tool contract over HTTP: the request that is posted, and what is read of a response.
import type { IncomingMessage } from "node:http";
import { type ContractAnswer, TOOL_CONTRACT_VERSION } from "../../../contracts/tool-answer.ts";
import { readBounded } from "../checked-request.ts";
import { type Caller, contractRequest } from "../contract/request.ts";
import { answerTooLarge, MAX_ANSWER_BYTES, type ResultBounds, readAnswer } from "../contract/result.ts";
import type { ToolAnswer, ToolCallContext } from "../tool.ts";
import { resultLimitOf } from "../tool-facts.ts";
import { endpointOf, type RemoteCall, type RemoteSource } from "./send-call.ts";
import { complaintOf, judgeStatus } from "./status.ts";

export interface ContractSource extends RemoteSource {
  /** As its manifest spells it. */
  readonly tool: string;
  readonly caller: Caller;
}

export type Said =
  | { readonly kind: "answer"; readonly status: number; readonly answer: ContractAnswer }
  /** By the status of the response: the model reads it. */
  | { readonly kind: "complaint"; readonly status: number; readonly result: ToolAnswer };

export function contractPost(
  source: ContractSource,
  request: Readonly<Record<string, unknown>>,
  timeoutMs: number,
): RemoteCall {
  return {
    method: "POST",
    url: endpointOf(source),
    headers: { ...CONTRACT_HEADERS, "Content-Type": "application/json" },
    body: JSON.stringify(request),
    timeoutMs,
  };
}

export const CONTRACT_HEADERS = {
  Accept: "application/json",
  "X-Tool-Contract-Version": TOOL_CONTRACT_VERSION,
} as const;

export function requestOf(
  source: ContractSource,
  args: Readonly<Record<string, unknown>>,
  idempotencyKey: string,
): Readonly<Record<string, unknown>> {
  return contractRequest({ ...source, idempotencyKey }, args);
}

/** Whether nothing stands in the body where an answer would, because it comes later. */
type IsPending = (status: number) => boolean;

export function isTaken(status: number): boolean {
  return status === 202 || status === 204;
}

/** Throws what a status or an answer that cannot be read comes to. */
export async function readSaid(
  source: ContractSource,
  response: IncomingMessage,
  { idempotencyKey }: Pick<ToolCallContext, "idempotencyKey">,
  signal: AbortSignal,
  isPending: IsPending = () => false,
): Promise<Said> {
  const { label, spec } = source;
  const { statusCode: status = 0 } = response;
  const { bytes, complete } = await readBounded(response, MAX_ANSWER_BYTES, signal);
  response.destroy();
  const text = bytes.toString("utf8");
  if (judgeStatus(source, response, text) === "complaint") {
    const total = complete ? bytes.length : undefined;
    return { kind: "complaint", status, result: complaintOf(status, text, resultLimitOf(spec), total) };
  }
  if (isPending(status)) return { kind: "answer", status, answer: { status: "pending" } };
  if (!complete) throw answerTooLarge(label);
  return { kind: "answer", status, answer: readAnswer(label, text, idempotencyKey) };
}

export function boundsOf({ label, spec }: ContractSource, { keepBytes = 0 }: ToolCallContext): ResultBounds {
  return { label, limitBytes: resultLimitOf(spec), keepBytes };
}
