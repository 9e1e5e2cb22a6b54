// Access tokens of OAuth 2.0 client credentials (RFC 6749, section 4.4): one for each grant, shared until it expires, fetched
// once however many ask for it.
import * as oauth from "oauth4webapi";
import { canonicalJson, digestText } from "../../contracts/canonical.ts";
import { PermanentFailure, TransientFailure, withoutEffect } from "../../contracts/failure.ts";
import { cutText } from "../bound-text.ts";
import { unlessAborted } from "../unless-aborted.ts";
import { type Outbound, readBounded, sendChecked } from "./checked-request.ts";

export interface ClientGrant {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
}

interface Token {
  readonly text: string;
  readonly untilMs: number;
}

const LIMITS = { answerBytes: 64 * 1024, timeoutMs: 20_000, tokens: 1_000, quoted: 200 } as const;
/** A token is not used any more when it is about to expire on the way. */
const MARGIN_MS = 30_000;
/** Where the answer does not say how long a token lives. */
const UNKNOWN_LIFE_MS = 300_000;

export class OAuthTokens {
  readonly #nowMs: () => number;
  readonly #fetched = new Map<string, Promise<Token>>();

  /** `nowMs`: monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /**
   * `label` names for people who needs it. Throws PermanentFailure TOKEN_REFUSED or ENDPOINT_INVALID, TransientFailure
   * TOKEN_UNAVAILABLE, what the connection throws, or the signal's reason; nothing of it went to whoever the token is for.
   */
  async token(grant: ClientGrant, label: string, outbound: Outbound, signal: AbortSignal): Promise<string> {
    const key = keyOf(grant);
    const known = await this.#fetched.get(key)?.catch(() => undefined);
    if (known !== undefined && known.untilMs > this.#nowMs()) return known.text;
    if (known !== undefined) this.forget(grant);
    // A caller that goes takes nothing from the others: the fetch has a time limit of its own.
    const fetching = this.#fetched.get(key) ?? this.#fetch(key, grant, label, outbound);
    return (await unlessAborted(() => fetching, signal)).text;
  }

  /** It was refused: the next one who asks gets a new one. */
  forget(grant: ClientGrant): void {
    this.#fetched.delete(keyOf(grant));
  }

  #fetch(key: string, grant: ClientGrant, label: string, outbound: Outbound): Promise<Token> {
    const [oldest] = this.#fetched.keys();
    if (this.#fetched.size >= LIMITS.tokens && oldest !== undefined) this.#fetched.delete(oldest);
    const fetching = fetchToken(grant, label, outbound, this.#nowMs()).catch((error: unknown) => {
      if (this.#fetched.get(key) === fetching) this.#fetched.delete(key);
      throw error;
    });
    this.#fetched.set(key, fetching);
    return fetching;
  }
}

function keyOf(grant: ClientGrant): string {
  return digestText(canonicalJson({ ...grant }));
}

async function fetchToken(grant: ClientGrant, label: string, outbound: Outbound, nowMs: number): Promise<Token> {
  const { tokenUrl, clientId, clientSecret, scopes } = grant;
  if (!URL.canParse(tokenUrl)) {
    throw new PermanentFailure("ENDPOINT_INVALID", `${label}: \`auth.tokenURL: ${tokenUrl}\` is no address`);
  }
  const server = { issuer: new URL(tokenUrl).origin, token_endpoint: tokenUrl };
  const client = { client_id: clientId };
  const parameters = scopes.length === 0 ? {} : { scope: scopes.join(" ") };
  const options = {
    [oauth.customFetch]: checkedFetch(outbound),
    // As for every endpoint: whether an address may be plain HTTP is for whoever reviews the manifest.
    [oauth.allowInsecureRequests]: true,
    signal: AbortSignal.timeout(LIMITS.timeoutMs),
  };
  try {
    const proof = basicProof(clientId, clientSecret);
    const response = await oauth.clientCredentialsGrantRequest(server, client, proof, parameters, options);
    if (response.status >= 500 || response.status === 429) throw unavailable(label, server, response.status);
    const answer = await oauth.processClientCredentialsResponse(server, client, response);
    const lifeMs = (answer.expires_in ?? UNKNOWN_LIFE_MS / 1_000) * 1_000;
    return { text: answer.access_token, untilMs: nowMs + lifeMs - Math.min(MARGIN_MS, lifeMs / 10) };
  } catch (error) {
    throw translate(label, server, error);
  }
}

/**
 * As RFC 6749 (2.3.1) says, both parts encoded like a form, where `-`, `.` and `_` stand for themselves: the library's own
 * encodes these as well, and servers that do not decode refuse every id with a dash.
 */
function basicProof(clientId: string, clientSecret: string): oauth.ClientAuth {
  const pair = [clientId, clientSecret].map((part) => new URLSearchParams({ part }).toString().slice("part=".length));
  const header = `Basic ${Buffer.from(pair.join(":")).toString("base64")}`;
  return (_server, _client, _body, headers) => headers.set("authorization", header);
}

/** For the library: through the same checked connection as everything else, and bounded. */
function checkedFetch(outbound: Outbound) {
  return async (url: string, init: oauth.CustomFetchOptions<"POST", URLSearchParams>): Promise<Response> => {
    const signal = init.signal ?? AbortSignal.timeout(LIMITS.timeoutMs);
    const request = {
      method: init.method,
      url: new URL(url),
      headers: init.headers,
      body: init.body.toString(),
      signal,
    };
    const response = await sendChecked(request, outbound);
    const { bytes, complete } = await readBounded(response, LIMITS.answerBytes, signal);
    response.destroy();
    if (!complete) throw new TransientFailure("TOKEN_UNAVAILABLE", "the answer is larger than any token");
    const headers = { "content-type": response.headers["content-type"] ?? "" };
    return new Response(new Uint8Array(bytes), { status: response.statusCode ?? 500, headers });
  };
}

interface Asked {
  readonly issuer: string;
}

function unavailable(label: string, { issuer }: Asked, status: number): TransientFailure {
  return new TransientFailure("TOKEN_UNAVAILABLE", `${label}: ${issuer} gives no token now (${status})`);
}

function translate(label: string, { issuer }: Asked, error: unknown): unknown {
  if (error instanceof PermanentFailure || error instanceof TransientFailure) return withoutEffect(error);
  if (error instanceof DOMException && error.name === "TimeoutError") {
    const text = `${label}: ${issuer} gave no token within ${LIMITS.timeoutMs} ms`;
    return withoutEffect(new TransientFailure("TOKEN_UNAVAILABLE", text, { cause: error }));
  }
  const said = error instanceof oauth.ResponseBodyError ? `${error.error} ${error.error_description ?? ""}` : "";
  const why = said.trim() === "" ? "its answer is no token" : cutText(said.trim(), LIMITS.quoted);
  const mend = "look at `auth.secretRef` (keys client_id and client_secret), `tokenURL` and `scopes`";
  return new PermanentFailure("TOKEN_REFUSED", `${label}: ${issuer} gives no token: ${why}; ${mend}`, { cause: error });
}
