// Tools of type http: one POST of the arguments as JSON to the endpoint that the manifest names.
import type { IncomingMessage } from "node:http";
import { boundAnswer } from "../../bound-text.ts";
import { readBounded } from "../checked-request.ts";
import type { ToolAnswer, ToolCallContext } from "../tool.ts";
import { resultLimitOf, timeoutMsOf } from "../tool-facts.ts";
import { endpointOf, type RemoteSource, sendCall } from "./send-call.ts";
import { complaintOf, judgeStatus } from "./status.ts";

/** A status of 2xx is a result; one of 4xx is the tool's own complaint, which the model may read and act on. */
export async function callHttpTool(
  source: RemoteSource,
  args: Readonly<Record<string, unknown>>,
  context: ToolCallContext,
): Promise<ToolAnswer> {
  const { spec } = source;
  const call = {
    method: "POST" as const,
    url: endpointOf(source),
    headers: {
      "Content-Type": "application/json",
      Accept: "application/json, text/*;q=0.9, */*;q=0.1",
    },
    body: JSON.stringify(args),
    timeoutMs: timeoutMsOf(spec.runtime?.timeout),
  };
  return sendCall(source, call, context, (response, signal) => readResult(source, response, signal, context.keepBytes));
}

async function readResult(
  source: RemoteSource,
  response: IncomingMessage,
  signal: AbortSignal,
  keepBytes = 0,
): Promise<ToolAnswer> {
  const limit = resultLimitOf(source.spec);
  const { bytes, complete } = await readBounded(response, Math.max(limit, keepBytes), signal);
  response.destroy();
  const text = bytes.toString("utf8");
  const total = complete ? bytes.length : undefined;
  if (judgeStatus(source, response, text) === "result") {
    return { ...boundAnswer(text, limit, total, keepBytes), isError: false };
  }
  return complaintOf(response.statusCode ?? 0, text, limit, total);
}
