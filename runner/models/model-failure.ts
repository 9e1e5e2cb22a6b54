// What can go wrong with a model provider, as failures: one table for both SDKs. Never carries a key.
import { PermanentFailure, TransientFailure, withoutEffect } from "../../contracts/failure.ts";
import { cutText } from "../bound-text.ts";

/** Names for people: which manifest to look at. */
export interface EndpointName {
  /** `ModelEndpoint default/claude`. */
  readonly label: string;
  /** The reference in `auth.secret_ref`, where there is one. */
  readonly secretRef: string | undefined;
}

export interface ProviderError {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  /** The provider's own words. */
  readonly message: string;
}

const MAX_MESSAGE = 500;

export function statusFailure(endpoint: EndpointName, model: string, error: ProviderError): Error {
  const { status } = error;
  const said = cutText(error.message, MAX_MESSAGE);
  const details = { status, model };
  if (status === 401 || status === 403) return authFailure(endpoint, `was refused (${status})`);
  if (status === 404) {
    const message = `${endpoint.label}: no model \`${model}\` at its base_url (404); check \`default_model\` and \`base_url\``;
    return new PermanentFailure("MODEL_NOT_FOUND", message, { details });
  }
  const when = { details, ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }) };
  if (status === 429) {
    return new TransientFailure("MODEL_RATE_LIMITED", `${endpoint.label} is rate limited (429): ${said}`, when);
  }
  if (status >= 500 || status === 408 || status === 409) {
    return new TransientFailure("MODEL_UNAVAILABLE", `${endpoint.label} answered ${status}: ${said}`, when);
  }
  return new PermanentFailure("MODEL_BAD_REQUEST", `${endpoint.label} refused the request (${status}): ${said}`, {
    details,
  });
}

/** The provider's message is left out: some quote part of the key. */
export function authFailure({ label, secretRef }: EndpointName, what: string): PermanentFailure {
  const where =
    secretRef === undefined
      ? "it names no Secret: add `auth.secret_ref`"
      : `check the value behind its \`auth.secret_ref: ${secretRef}\` (\`describe secret\` says where it comes from)`;
  return new PermanentFailure("MODEL_AUTH", `${label}: its key ${what}; ${where}`);
}

export function unreachable({ label }: EndpointName, cause: unknown): TransientFailure {
  const { reason, connected } = brokenAt(cause);
  const failure = new TransientFailure("MODEL_UNAVAILABLE", `${label} cannot be reached: ${reason}`, { cause });
  return connected ? failure : withoutEffect(failure);
}

/** What its `base_url` names is not where it leads to, and nothing was sent. */
export function addressRefused({ label }: EndpointName, cause: PermanentFailure): PermanentFailure {
  const host = String(cause.details["host"]);
  const address = String(cause.details["address"]);
  const leads = host === address ? `\`${host}\` is` : `\`${host}\` leads to ${address},`;
  const message = `${label}: ${leads} a private, link-local or metadata address. Where a private one is meant, say \`allow_private: true\`, or name the address itself in \`base_url\``;
  return new PermanentFailure("MODEL_ADDRESS_REFUSED", message, { cause, details: { host, address } });
}

export function timedOut({ label }: EndpointName, timeoutMs: number): TransientFailure {
  return new TransientFailure("MODEL_TIMEOUT", `${label} did not answer within ${timeoutMs} ms; see its \`timeout\``);
}

/** An answer that nobody can act on: cut, no JSON, contradictory. Asking again may give a whole one. */
export function malformedAnswer({ label }: EndpointName, what: string, cause?: unknown): TransientFailure {
  return new TransientFailure("MODEL_MALFORMED_ANSWER", `${label} sent an answer that cannot be used: ${what}`, {
    cause,
  });
}

/** What fails in these system calls, or with this code of fetch, fails before anything is sent. */
const BEFORE_SENDING: readonly unknown[] = ["connect", "getaddrinfo", "UND_ERR_CONNECT_TIMEOUT"];

/** The system's code (`ECONNREFUSED`) lies below one or two wrappings of fetch and SDK. */
function brokenAt(error: unknown): { readonly reason: string; readonly connected: boolean } {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth += 1) {
    if (!("code" in cause) || typeof cause.code !== "string") continue;
    // Where a name has several addresses, there is one error for each.
    const tries: readonly unknown[] = cause instanceof AggregateError ? cause.errors : [cause];
    return { reason: cause.code, connected: !tries.every(isBeforeSending) };
  }
  return { reason: "the connection broke", connected: true };
}

function isBeforeSending(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const [call, code] = ["syscall" in error ? error.syscall : undefined, "code" in error ? error.code : undefined];
  return BEFORE_SENDING.includes(call) || BEFORE_SENDING.includes(code);
}
