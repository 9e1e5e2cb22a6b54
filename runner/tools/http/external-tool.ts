// Tools of type external: one POST of the tool contract's request to the endpoint, and its answer in the response.
import { invalidAnswer, resultOf } from "../contract/result.ts";
import type { ToolAnswer, ToolCallContext } from "../tool.ts";
import { timeoutMsOf } from "../tool-facts.ts";
import { boundsOf, type ContractSource, contractPost, readSaid, requestOf } from "./contract-http.ts";
import { sendCall } from "./send-call.ts";

export async function callExternalTool(
  source: ContractSource,
  args: Readonly<Record<string, unknown>>,
  context: ToolCallContext,
): Promise<ToolAnswer> {
  const { label, spec } = source;
  const request = requestOf(source, args, context.idempotencyKey);
  const call = contractPost(source, request, timeoutMsOf(spec.runtime?.timeout));
  const said = await sendCall(source, call, context, (response, signal) => readSaid(source, response, context, signal));
  if (said.kind === "complaint") return said.result;
  if (said.answer.status === "pending") {
    throw invalidAnswer(label, "only tools of type `webhook-callback` may be `pending`");
  }
  return resultOf(said.answer, boundsOf(source, context));
}
