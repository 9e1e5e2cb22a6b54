// Tools of type http: one POST of the arguments as JSON to the endpoint that the manifest names.
import type { IncomingMessage } from "node:http";
import { PermanentFailure, TransientFailure, withoutEffect } from "../../contracts/failure.ts";
import type { ToolSpec } from "../../contracts/kinds/tool.ts";
import { boundAnswer, cutText } from "../bound-text.ts";
import { type Outbound, type OutboundRequest, readBounded, sendChecked } from "./checked-request.ts";
import { type CredentialGround, openCredentials } from "./credentials.ts";
import type { ToolAnswer, ToolCallContext } from "./tool.ts";
import { resultLimitOf, timeoutMsOf } from "./tool-facts.ts";

export interface HttpToolSource {
  readonly namespace: string;
  /** For people: `Tool default/search`. */
  readonly label: string;
  readonly spec: ToolSpec;
  readonly outbound: Outbound;
  readonly credentials: CredentialGround;
}

/** A status of 2xx is a result; one of 4xx is the tool's own complaint, which the model may read and act on. */
export async function callHttpTool(
  source: HttpToolSource,
  args: Readonly<Record<string, unknown>>,
  { idempotencyKey, signal, checkLease, keepBytes }: ToolCallContext,
): Promise<ToolAnswer> {
  signal.throwIfAborted();
  const { label, spec } = source;
  const timeoutMs = timeoutMsOf(spec.runtime?.timeout);
  const late = AbortSignal.timeout(timeoutMs);
  const url = endpointOf(source);
  const headers = {
    "Content-Type": "application/json",
    Accept: "application/json, text/*;q=0.9, */*;q=0.1",
    "Accept-Encoding": "identity",
    "Idempotency-Key": idempotencyKey,
  };
  const bounded = AbortSignal.any([signal, late]);
  let connected = false;
  const onConnected = (): void => {
    checkLease();
    connected = true;
  };
  try {
    const request = { method: "POST", url, headers, body: JSON.stringify(args), signal: bounded, onConnected };
    return await readResult(source, await sendAs(source, request), bounded, keepBytes);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!late.aborted) throw error;
    const failure = new TransientFailure("TOOL_TIMEOUT", `${label} did not answer within ${timeoutMs} ms`);
    throw connected ? failure : withoutEffect(failure);
  }
}

/** A token that is refused was of no use to anybody: nothing has happened, and a new one is tried once. */
async function sendAs(source: HttpToolSource, request: OutboundRequest): Promise<IncomingMessage> {
  const { namespace, label, spec, outbound } = source;
  const credentials = await openCredentials(spec.auth, namespace, label, source.credentials);
  const send = async (): Promise<IncomingMessage> => {
    const headers = { ...(await credentials.headers(request.signal)), ...request.headers };
    return sendChecked({ ...request, headers }, outbound);
  };
  const response = await send();
  if (response.statusCode !== 401 || !credentials.renew()) return response;
  response.destroy();
  return send();
}

function endpointOf({ label, spec }: HttpToolSource): URL {
  const { endpoint = "" } = spec;
  if (URL.canParse(endpoint)) return new URL(endpoint);
  throw new PermanentFailure("ENDPOINT_INVALID", `${label}: \`endpoint: ${endpoint}\` is no address`);
}

const QUOTED_BYTES = 500;

async function readResult(
  source: HttpToolSource,
  response: IncomingMessage,
  signal: AbortSignal,
  keepBytes = 0,
): Promise<ToolAnswer> {
  const { label, spec } = source;
  const { statusCode = 0 } = response;
  const limit = resultLimitOf(spec);
  const { bytes, complete } = await readBounded(response, Math.max(limit, keepBytes), signal);
  response.destroy();
  const read = boundAnswer(bytes.toString("utf8"), limit, complete ? bytes.length : undefined, keepBytes);
  const { text } = read;
  if (statusCode >= 200 && statusCode < 300) return { ...read, isError: false };
  if (statusCode === 401 || statusCode === 403) {
    const where =
      spec.auth?.secret_ref === undefined ? "it has no `auth.secret_ref`" : `check \`${spec.auth.secret_ref}\``;
    throw new PermanentFailure("TOOL_AUTH", `${label} refused the credentials (${statusCode}); ${where}`);
  }
  const passing = statusCode >= 500 || statusCode === 408 || statusCode === 429;
  if (!passing) return { ...read, text: `HTTP ${statusCode}\n${text}`, isError: true };
  const retryAfterMs = retryAfter(response);
  throw new TransientFailure("TOOL_UNAVAILABLE", `${label} answered ${statusCode}: ${cutText(text, QUOTED_BYTES)}`, {
    details: { status: statusCode },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

const MAX_RETRY_AFTER_S = 600;

/** Seconds only; a date would need a clock. */
function retryAfter({ headers }: IncomingMessage): number | undefined {
  const text = headers["retry-after"] ?? "";
  return /^[0-9]{1,9}$/.test(text) ? Math.min(Number(text), MAX_RETRY_AFTER_S) * 1_000 : undefined;
}
