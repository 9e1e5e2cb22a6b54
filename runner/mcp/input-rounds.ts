// A call of 2026-07-28 whose results may ask for more before it is done: with what is answered, and the server's own state,
// it is made again, so often and no oftener.
import type { CallToolResult, InputRequiredResult } from "@modelcontextprotocol/client";
import { MCP_LIMITS } from "./limits.ts";

/** What goes with the next round, beside the call as it was. */
export interface Continuation {
  readonly inputResponses?: Readonly<Record<string, unknown>>;
  /** The server's, as it sent it. Absent where it sent none. */
  readonly requestState?: string;
}

export type RoundResult = CallToolResult | InputRequiredResult;
type Answer = (method: string, params: unknown) => Promise<unknown>;

/**
 * `answer` throws where a question gets none. `pause` is for rounds that ask for nothing: the server wants the call later.
 * undefined: it has asked for more too often.
 */
export async function untilComplete(
  round: (more: Continuation) => Promise<RoundResult>,
  answer: Answer,
  pause: () => Promise<void>,
): Promise<CallToolResult | undefined> {
  let more: Continuation = {};
  for (let rounds = 0; rounds <= MCP_LIMITS.inputRounds; rounds += 1) {
    const result = await round(more);
    if (!isIncomplete(result)) return result;
    const { inputRequests = {}, requestState } = result;
    const inputResponses = await answerAll(inputRequests, answer);
    if (inputResponses === undefined) await pause();
    more = {
      ...(inputResponses === undefined ? {} : { inputResponses }),
      ...(requestState === undefined ? {} : { requestState }),
    };
  }
  return undefined;
}

function isIncomplete(result: RoundResult): result is InputRequiredResult {
  return "resultType" in result && result["resultType"] === "input_required";
}

/** One after the other: each answer is written down. */
async function answerAll(requests: object, answer: Answer): Promise<Record<string, unknown> | undefined> {
  const responses: [string, unknown][] = [];
  for (const [key, request] of Object.entries(requests)) {
    const { method, params }: { readonly method?: unknown; readonly params?: unknown } = Object(request);
    responses.push([key, await answer(typeof method === "string" ? method : "nothing", params)]);
  }
  return responses.length === 0 ? undefined : Object.fromEntries(responses);
}
