// Asks a token endpoint: through the same checked connection as everything else, bounded in size and time, and with what goes
// wrong told once for people. Knows no grant.
import type { IncomingMessage } from "node:http";
import * as oauth from "oauth4webapi";
import { PermanentFailure, TransientFailure, withoutEffect } from "../../../contracts/failure.ts";
import { cutText } from "../../bound-text.ts";
import { createRedactor } from "../../gate/redact.ts";
import { type Outbound, readBounded, sendChecked } from "../checked-request.ts";

export interface TokenPlace {
  /** Names for people who needs the token. */
  readonly label: string;
  readonly tokenUrl: string;
  readonly outbound: Outbound;
  /** What to look at where no token is given. */
  readonly mend: string;
  /** What is sent and must not be told back by a complaint. */
  readonly hidden: readonly string[];
}

/** What the library needs of every request. */
export interface RequestOptions {
  readonly [oauth.customFetch]: typeof fetch;
  readonly [oauth.allowInsecureRequests]: true;
  readonly signal: AbortSignal;
}

const LIMITS = { answerBytes: 64 * 1024, timeoutMs: 20_000, quoted: 200 } as const;

/**
 * `ask` sends one request, `read` judges its answer. Throws PermanentFailure TOKEN_REFUSED or ENDPOINT_INVALID, TransientFailure
 * TOKEN_UNAVAILABLE, or what the connection throws; nothing of it went to whoever the token is for.
 */
export async function requestToken<T>(
  place: TokenPlace,
  ask: (server: oauth.AuthorizationServer, options: RequestOptions) => Promise<Response>,
  read: (server: oauth.AuthorizationServer, response: Response) => Promise<T>,
): Promise<T> {
  const { label, tokenUrl, outbound } = place;
  if (!URL.canParse(tokenUrl)) {
    throw new PermanentFailure("ENDPOINT_INVALID", `${label}: \`auth.tokenURL: ${tokenUrl}\` is no address`);
  }
  const { origin } = new URL(tokenUrl);
  const server = { issuer: origin, token_endpoint: tokenUrl };
  const options: RequestOptions = {
    [oauth.customFetch]: checkedFetch(outbound, LIMITS),
    // As for every endpoint: whether an address may be plain HTTP is for whoever reviews the manifest.
    [oauth.allowInsecureRequests]: true,
    signal: AbortSignal.timeout(LIMITS.timeoutMs),
  };
  try {
    const response = await ask(server, options);
    if (response.status >= 500 || response.status === 429) throw unavailable(label, origin, response.status);
    return await read(server, response);
  } catch (error) {
    throw translate(place, origin, error);
  }
}

export interface AnswerLimits {
  readonly answerBytes: number;
  readonly timeoutMs: number;
}

/** A `fetch` for libraries that speak OAuth: the address is checked, no redirect leads elsewhere, the answer is bounded. */
export function checkedFetch(outbound: Outbound, { answerBytes, timeoutMs }: AnswerLimits): typeof fetch {
  return async (target, init = {}): Promise<Response> => {
    const signal = init.signal ?? AbortSignal.timeout(timeoutMs);
    const url = new URL(target instanceof Request ? target.url : target);
    const headers = Object.fromEntries(new Headers(init.headers));
    const body = typeof init.body === "string" || init.body instanceof URLSearchParams ? String(init.body) : undefined;
    const request = { method: init.method ?? "GET", url, headers, signal, ...(body === undefined ? {} : { body }) };
    const response = await sendChecked(request, outbound);
    const { bytes, complete } = await readBounded(response, answerBytes, signal);
    response.destroy();
    if (!complete)
      throw new TransientFailure(
        "TOKEN_UNAVAILABLE",
        `the answer of ${url.origin} is larger than ${answerBytes} bytes`,
      );
    return answerOf(response, bytes);
  };
}

/** Statuses with which the platform's Response takes no body. */
const BODILESS: readonly number[] = [204, 205, 304];

function answerOf({ statusCode = 500, headers }: IncomingMessage, bytes: Buffer): Response {
  const nonce = headers["dpop-nonce"];
  const kept = {
    "content-type": headers["content-type"] ?? "",
    ...(typeof nonce === "string" ? { "dpop-nonce": nonce } : {}),
  };
  return new Response(BODILESS.includes(statusCode) ? null : new Uint8Array(bytes), {
    status: statusCode,
    headers: kept,
  });
}

function unavailable(label: string, origin: string, status: number): TransientFailure {
  return new TransientFailure("TOKEN_UNAVAILABLE", `${label}: ${origin} gives no token now (${status})`);
}

function translate({ label, mend, hidden }: TokenPlace, origin: string, error: unknown): unknown {
  if (error instanceof PermanentFailure || error instanceof TransientFailure) return withoutEffect(error);
  if (error instanceof DOMException && error.name === "TimeoutError") {
    const text = `${label}: ${origin} gave no token within ${LIMITS.timeoutMs} ms`;
    return withoutEffect(new TransientFailure("TOKEN_UNAVAILABLE", text, { cause: error }));
  }
  const answered = error instanceof oauth.ResponseBodyError;
  const words = answered ? `${error.error} ${error.error_description ?? ""}`.trim() : "";
  const said = createRedactor(hidden).text(words);
  const why = said === "" ? "its answer is no token" : cutText(said, LIMITS.quoted);
  const options = { cause: error, ...(answered ? { details: { error: cutText(error.error, LIMITS.quoted) } } : {}) };
  return new PermanentFailure("TOKEN_REFUSED", `${label}: ${origin} gives no token: ${why}; ${mend}`, options);
}
