// Finds out where a person logs in for a server: what protects it (RFC 9728), and what that says of itself (RFC 8414, OpenID
// Connect), or the paths of MCP 2025-03-26 where a server says neither. Sends nothing but questions.
import type { AuthorizationServerMetadata, OAuthProtectedResourceMetadata } from "@modelcontextprotocol/client";
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import { BOUND_ALGORITHM } from "../../tools/oauth/bound-key.ts";
import type { AuthChallenge } from "../auth-failure.ts";
import { type FoundFetch, foundFetch, type LoginServer, requirePlace } from "./found-fetch.ts";

export interface LoginPlaces {
  readonly issuer: string;
  /** undefined: a server of 2025-03-26 that says nothing; its paths are fixed. */
  readonly metadata: AuthorizationServerMetadata | undefined;
  readonly authorizationUrl: string;
  readonly tokenUrl: string;
  /** undefined where the server does not name itself as a resource. */
  readonly resource: string | undefined;
  readonly resourceScopes: readonly string[];
  /** Tokens are bound to a key of the login: the server wants it, and the issuer can. */
  readonly isBound: boolean;
}

/**
 * Throws PermanentFailure LOGIN_NOT_OFFERED, LOGIN_METADATA, LOGIN_RESOURCE_MISMATCH, LOGIN_ISSUER_MISMATCH, LOGIN_INSECURE or
 * ADDRESS_REFUSED, or what the connection throws.
 */
export async function discoverPlaces(
  server: LoginServer,
  challenge: AuthChallenge | undefined,
  signal: AbortSignal,
): Promise<LoginPlaces> {
  const found = foundFetch(server, signal);
  const resource = await readResource(server, challenge, found);
  const [named] = resource?.authorization_servers ?? [];
  if (resource !== undefined && named === undefined)
    throw new PermanentFailure("LOGIN_METADATA", `${server.label} does not say which authorization server protects it`);
  const authorizationServer = named ?? `${server.endpoint.origin}/`;
  requirePlain(server, [authorizationServer, resource?.resource]);
  const metadata = await readAuthorizationServer(server, authorizationServer, found);
  if (metadata === undefined && resource !== undefined)
    throw new PermanentFailure(
      "LOGIN_METADATA",
      `${server.label} is protected by ${authorizationServer}, which says nothing of itself`,
    );
  if (metadata === undefined && challenge === undefined)
    throw new PermanentFailure(
      "LOGIN_NOT_OFFERED",
      `${server.label} asks nobody who calls, and names no place to log in`,
    );
  return placesOf(server, resource, metadata, challenge?.isBound === true);
}

function placesOf(
  server: LoginServer,
  resource: OAuthProtectedResourceMetadata | undefined,
  metadata: AuthorizationServerMetadata | undefined,
  wantsBound: boolean,
): LoginPlaces {
  const { origin } = server.endpoint;
  const authorizationUrl = metadata?.authorization_endpoint ?? `${origin}/authorize`;
  const tokenUrl = metadata?.token_endpoint ?? `${origin}/token`;
  requirePlain(server, [metadata?.issuer, authorizationUrl, tokenUrl]);
  for (const place of [authorizationUrl, tokenUrl]) requirePlace(server, new URL(place));
  // Without proof keys whoever reads the redirect could change the code for tokens; MCP wants it said.
  if (metadata !== undefined && metadata.code_challenge_methods_supported?.includes("S256") !== true)
    throw new PermanentFailure(
      "LOGIN_METADATA",
      `${server.label}: ${metadata.issuer} does not say that it knows PKCE (S256)`,
    );
  return {
    issuer: metadata?.issuer ?? origin,
    metadata,
    authorizationUrl,
    tokenUrl,
    resource: resource?.resource,
    resourceScopes: resource?.scopes_supported ?? [],
    isBound: (wantsBound || resource?.dpop_bound_access_tokens_required === true) && canBind(metadata),
  };
}

/** They are shown to people and written into manifests as they are: nothing in them speaks to a terminal. */
function requirePlain({ label }: LoginServer, addresses: readonly (string | undefined)[]): void {
  if (addresses.every((address) => address === undefined || /^[\x21-\x7E]{1,2000}$/u.test(address))) return;
  throw new PermanentFailure(
    "LOGIN_METADATA",
    `${label} is described by an address with characters that no address has`,
  );
}

/** Many issuers can whose servers know nothing of it: only a server that asks for it gets such tokens. */
function canBind(metadata: AuthorizationServerMetadata | undefined): boolean {
  const { dpop_signing_alg_values_supported: algorithms }: Readonly<Record<string, unknown>> = { ...metadata };
  return Array.isArray(algorithms) && algorithms.includes(BOUND_ALGORITHM);
}

/** undefined: the server has no such document. One that it has and that is wrong is no reason to look elsewhere. */
async function readResource(
  { label, endpoint }: LoginServer,
  challenge: AuthChallenge | undefined,
  { fetch, lastStatus }: FoundFetch,
): Promise<OAuthProtectedResourceMetadata | undefined> {
  const sdk = await import("@modelcontextprotocol/client");
  const named = challenge?.metadata;
  if (named !== undefined && new URL(named).origin !== endpoint.origin)
    throw new PermanentFailure(
      "LOGIN_METADATA",
      `${label} says that it is described at ${new URL(named).origin}, which is another server`,
    );
  let resource: OAuthProtectedResourceMetadata;
  try {
    const options = named === undefined ? {} : { resourceMetadataUrl: named };
    resource = await sdk.discoverOAuthProtectedResourceMetadata(endpoint, options, fetch);
  } catch (error) {
    if (isOwn(error)) throw error;
    if (named === undefined && [404, 405].includes(lastStatus())) return undefined;
    throw unreadable(label, "what protects it", lastStatus(), error);
  }
  if (!sdk.checkResourceAllowed({ requestedResource: endpoint, configuredResource: resource.resource }))
    throw new PermanentFailure(
      "LOGIN_RESOURCE_MISMATCH",
      `${label} describes itself as another resource, \`${shown(resource.resource)}\`: its tokens would be good elsewhere`,
    );
  return resource;
}

async function readAuthorizationServer(
  { label }: LoginServer,
  authorizationServer: string,
  { fetch, lastStatus }: FoundFetch,
): Promise<AuthorizationServerMetadata | undefined> {
  const sdk = await import("@modelcontextprotocol/client");
  try {
    return await sdk.discoverAuthorizationServerMetadata(authorizationServer, { fetchFn: fetch });
  } catch (error) {
    if (isOwn(error)) throw error;
    if (error instanceof sdk.IssuerMismatchError)
      throw new PermanentFailure(
        "LOGIN_ISSUER_MISMATCH",
        `${label}: ${shown(authorizationServer)} calls itself another issuer, \`${shown(error.received ?? "")}\``,
      );
    throw unreadable(label, `what ${shown(authorizationServer)} says of itself`, lastStatus(), error);
  }
}

function unreadable(label: string, what: string, status: number, cause: unknown): Error {
  const text = `${label}: ${what} cannot be read (${status === 0 ? "no answer" : status})`;
  return status >= 500
    ? new TransientFailure("LOGIN_METADATA", text, { cause })
    : new PermanentFailure("LOGIN_METADATA", text, { cause });
}

function isOwn(error: unknown): boolean {
  return error instanceof PermanentFailure || error instanceof TransientFailure;
}

/** A stranger's address, for people. */
function shown(text: string): string {
  return URL.canParse(text) ? new URL(text).href.slice(0, 200) : "no address";
}
