// The authorization code flow with PKCE: makes the address at which a person says yes, judges what their browser brings back
// (state; issuer, RFC 9207), and changes the code for a grant.
import { randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import type { OAuthClientInformationMixed, OAuthTokens } from "@modelcontextprotocol/client";
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import { cutText } from "../../bound-text.ts";
import type { Grant } from "../../secrets/grant.ts";
import { makeBoundKey, openBoundKey } from "../../tools/oauth/bound-key.ts";
import type { LoginPlaces } from "./discover.ts";
import { foundFetch, type LoginServer, requirePlace } from "./found-fetch.ts";

export interface LoginAsk {
  readonly server: LoginServer;
  readonly places: LoginPlaces;
  readonly client: OAuthClientInformationMixed;
  readonly scopes: readonly string[];
  /** Where the browser comes back to, on this machine. */
  readonly redirectUrl: string;
}

export interface BegunLogin {
  /** Where the person goes. */
  readonly url: string;
  /** Whether an address could be the answer to this login: anybody on this machine may knock. */
  readonly isAnswer: (redirected: URL) => boolean;
  /**
   * Throws PermanentFailure LOGIN_STATE, LOGIN_ISSUER_MISMATCH, LOGIN_DENIED or LOGIN_REFUSED, or what the connection throws.
   * The code is sent to the token endpoint that was shown, and nowhere else.
   */
  readonly finish: (redirected: URL, now: Date, signal: AbortSignal) => Promise<Grant>;
}

export async function beginLogin(ask: LoginAsk): Promise<BegunLogin> {
  const { server, places, client, scopes, redirectUrl } = ask;
  const sdk = await import("@modelcontextprotocol/client");
  const state = randomBytes(32).toString("base64url");
  const scope = scopes.length === 0 ? {} : { scope: scopes.join(" ") };
  const resource = places.resource === undefined ? {} : { resource: places.resource };
  const metadata = places.metadata === undefined ? {} : { metadata: places.metadata };
  const request = { ...metadata, clientInformation: client, redirectUrl, ...scope, state, ...resource };
  const { authorizationUrl, codeVerifier } = await sdk.startAuthorization(places.issuer, request);
  requirePlace(server, authorizationUrl);
  return {
    url: authorizationUrl.href,
    isAnswer: (redirected) => isSame(only(redirected, "state"), state),
    async finish(redirected, now, signal) {
      const { code, iss } = await readAnswer(ask, redirected, state);
      const key = places.isBound ? await makeBoundKey() : undefined;
      const bound = key === undefined ? {} : { dpop: await openBoundKey(key) };
      const given = { clientInformation: client, authorizationCode: code, codeVerifier };
      const exchange = { ...metadata, ...given, ...resource, ...bound };
      const fetchFn = foundFetch(server, signal).fetch;
      const options = { ...exchange, redirectUri: redirectUrl, fetchFn, ...(iss === undefined ? {} : { iss }) };
      const tokens = await sdk.exchangeAuthorization(places.issuer, options).catch((error: unknown) => {
        throw refused(ask, error instanceof sdk.OAuthError ? error.code : undefined, error);
      });
      const grant = grantOf(ask, tokens, sdk.selectClientAuthMethod(client, methodsOf(places)), now);
      const isBound = key !== undefined && tokens.token_type.toLowerCase() === "dpop";
      return isBound ? { ...grant, bound_key: key } : grant;
    },
  };
}

function methodsOf({ metadata }: LoginPlaces): string[] {
  return [...(metadata?.token_endpoint_auth_methods_supported ?? [])];
}

interface Answer {
  readonly code: string;
  readonly iss: string | undefined;
}

/** The issuer is judged before anything else of the answer is believed, an error too: it may be somebody else's. */
async function readAnswer({ server, places }: LoginAsk, redirected: URL, state: string): Promise<Answer> {
  const { label } = server;
  if (!isSame(only(redirected, "state"), state))
    throw new PermanentFailure("LOGIN_STATE", `${label}: that is the answer to another login; begin again`);
  const sdk = await import("@modelcontextprotocol/client");
  const iss = only(redirected, "iss");
  try {
    const issParameterSupported = places.metadata?.["authorization_response_iss_parameter_supported"] === true;
    sdk.validateAuthorizationResponseIssuer({ iss, expectedIssuer: places.metadata?.issuer, issParameterSupported });
  } catch (error) {
    const text = `${label}: the answer does not come from ${places.issuer}; nothing was sent to anybody`;
    throw new PermanentFailure("LOGIN_ISSUER_MISMATCH", text, { cause: error });
  }
  const error = only(redirected, "error");
  if (error !== undefined)
    throw new PermanentFailure("LOGIN_DENIED", `${label}: ${places.issuer} answered \`${plain(error)}\``);
  const code = only(redirected, "code");
  if (code === undefined)
    throw new PermanentFailure("LOGIN_DENIED", `${label}: the answer of ${places.issuer} holds no code`);
  return { code, iss };
}

/** undefined: it is not there, or more than once, which is as good. */
function only(url: URL, name: string): string | undefined {
  const [value, ...others] = url.searchParams.getAll(name);
  return others.length === 0 ? value : undefined;
}

function isSame(given: string | undefined, wanted: string): boolean {
  const [a, b] = [Buffer.from(given ?? ""), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function refused({ server, places }: LoginAsk, code: string | undefined, cause: unknown): Error {
  if (cause instanceof PermanentFailure || cause instanceof TransientFailure) return cause;
  const why = code === undefined ? "its answer is no token" : plain(code);
  return new PermanentFailure("LOGIN_REFUSED", `${server.label}: ${places.issuer} gives no token: ${why}`, { cause });
}

function plain(code: string): string {
  return /^[\w.-]+$/u.test(code) ? cutText(code, 60) : "an error without a name";
}

function grantOf(
  { server, places, client, scopes }: LoginAsk,
  tokens: OAuthTokens,
  clientAuth: Grant["client_auth"],
  now: Date,
): Grant {
  const { access_token: access, refresh_token: refresh, expires_in: lifeS, scope } = tokens;
  const end = lifeS === undefined ? {} : { expires_at: new Date(now.getTime() + lifeS * 1_000).toISOString() };
  const secret = client.client_secret === undefined ? {} : { client_secret: client.client_secret };
  return {
    format: "countwheel.dev/grant/v1",
    id: randomUUID(),
    key: randomBytes(32).toString("base64url"),
    endpoint: server.endpoint.href,
    issuer: places.issuer,
    token_url: places.tokenUrl,
    ...(places.resource === undefined ? {} : { resource: places.resource }),
    client_id: client.client_id,
    ...secret,
    client_auth: clientAuth,
    scopes: scope === undefined ? [...scopes] : scope.split(" ").filter((one) => one !== ""),
    ...(refresh === undefined ? { access_token: access, ...end } : { refresh_token: refresh }),
  };
}
