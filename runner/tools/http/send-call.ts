// One request of a tool that is reached over HTTP: who calls, until when, and whether anything can have happened.
import type { IncomingMessage } from "node:http";
import { PermanentFailure, TransientFailure, withoutEffect } from "../../../contracts/failure.ts";
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import { type Outbound, type OutboundRequest, sendChecked } from "../checked-request.ts";
import { type CredentialGround, openCredentials } from "../credentials.ts";
import type { ToolCallContext } from "../tool.ts";

/** A Tool that has an `endpoint`, and how this runner may reach it. */
export interface RemoteSource {
  readonly namespace: string;
  /** For people: `Tool default/search`. */
  readonly label: string;
  readonly spec: ToolSpec;
  readonly outbound: Outbound;
  readonly credentials: CredentialGround;
}

export interface RemoteCall {
  readonly method: "POST" | "GET";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
}

/** Reads the answer while the signal lets it. */
export type ReadAnswer<T> = (response: IncomingMessage, signal: AbortSignal) => Promise<T>;

/**
 * Throws the signal's reason where that is aborted, TOOL_TIMEOUT where the time is over, and what the request and `read`
 * throw. Failures that come before there is a connection say that nothing was sent.
 */
export async function sendCall<T>(
  source: RemoteSource,
  call: RemoteCall,
  { idempotencyKey, signal, checkLease }: ToolCallContext,
  read: ReadAnswer<T>,
): Promise<T> {
  signal.throwIfAborted();
  const { timeoutMs, ...asked } = call;
  const late = AbortSignal.timeout(timeoutMs);
  const bounded = AbortSignal.any([signal, late]);
  let connected = false;
  const onConnected = (): void => {
    checkLease();
    connected = true;
  };
  const headers = { ...call.headers, "Accept-Encoding": "identity", "Idempotency-Key": idempotencyKey };
  try {
    return await read(await sendAs(source, { ...asked, headers, signal: bounded, onConnected }), bounded);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!late.aborted) throw error;
    const failure = new TransientFailure("TOOL_TIMEOUT", `${source.label} did not answer within ${timeoutMs} ms`);
    throw connected ? failure : withoutEffect(failure);
  }
}

/** A token that is refused was of no use to anybody: nothing has happened, and a new one is tried once. */
async function sendAs(source: RemoteSource, request: OutboundRequest): Promise<IncomingMessage> {
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

export function endpointOf({ label, spec }: RemoteSource): URL {
  const { endpoint = "" } = spec;
  if (URL.canParse(endpoint)) return new URL(endpoint);
  throw new PermanentFailure("ENDPOINT_INVALID", `${label}: \`endpoint: ${endpoint}\` is no address`);
}
