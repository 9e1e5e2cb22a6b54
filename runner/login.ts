// Lets a person log in at an MCP server, once, for all runners: asks the server what it wants, and shows all of it before
// anything is sent. Calls no tool, and writes nothing.
import { PermanentFailure } from "../contracts/failure.ts";
import type { McpServerSpec } from "../contracts/kinds/mcp-server.ts";
import { type AuthChallenge, readScopes } from "./mcp/auth-failure.ts";
import { type BegunLogin, beginLogin } from "./mcp/login/authorize.ts";
import { chooseClient, clientFor, type KnownClient, type LoginClient } from "./mcp/login/client.ts";
import { discoverPlaces, type LoginPlaces } from "./mcp/login/discover.ts";
import { planServer, type ServerDefinition, type ServerGround } from "./mcp/plan-server.ts";
import { McpSupervisor } from "./mcp/supervisor.ts";
import { openSecrets } from "./secrets/secrets.ts";

export interface LoginWish {
  /** Beside those of the manifest. None in either: those that the server asks for. */
  readonly scopes: readonly string[];
  readonly client: KnownClient;
}

/** What the person says yes to. */
export interface LoginOffer
  extends Pick<LoginPlaces, "issuer" | "authorizationUrl" | "tokenUrl" | "resource" | "isBound"> {
  readonly endpoint: string;
  readonly scopes: readonly string[];
  readonly client: LoginClient;
}

export interface Login {
  readonly offer: LoginOffer;
  /** Registers a client where it must, and makes the address for the browser, which comes back to `redirectUrl`. */
  begin(redirectUrl: string, signal: AbortSignal): Promise<BegunLogin>;
}

type Ground = Pick<ServerGround, "resolve">;

/** Throws what finding out throws (`discoverPlaces`, `chooseClient`), or PermanentFailure LOGIN_ISSUER_CHANGED. */
export async function findLogin(
  definition: ServerDefinition,
  wish: LoginWish,
  ground: ServerGround,
  signal: AbortSignal,
): Promise<Login> {
  const { spec } = definition;
  const server = loginServer(definition, ground);
  const challenge = await askServer(definition, ground, signal);
  const places = await discoverPlaces(server, challenge, signal);
  requireIssuer(server.label, spec.auth?.issuer, places.issuer);
  const client = await chooseClient(server.label, wish.client, places);
  const scopes = chooseScopes([...(spec.auth?.scopes ?? []), ...wish.scopes], challenge, places);
  const { issuer, authorizationUrl, tokenUrl, resource, isBound } = places;
  const shown = { issuer, authorizationUrl, tokenUrl, resource, isBound };
  const offer = { endpoint: server.endpoint.href, ...shown, scopes, client };
  return {
    offer,
    async begin(redirectUrl, until) {
      const scope = scopes.length === 0 ? undefined : scopes.join(" ");
      const known = await clientFor(server, client, places, { redirectUrl, scope, signal: until });
      return beginLogin({ server, places, client: known, scopes, redirectUrl });
    },
  };
}

function loginServer(definition: ServerDefinition, { resolve }: Ground) {
  const outbound = { allowPrivate: definition.spec.allow_private === true, resolve };
  return { ...loginEndpoint(definition), outbound };
}

/** Throws PermanentFailure LOGIN_NOT_OFFERED where there is nobody to log in at. */
export function loginEndpoint({ namespace, name, spec }: ServerDefinition): { label: string; endpoint: URL } {
  const label = `McpServer ${namespace}/${name}`;
  const { endpoint = "" } = spec;
  if (spec.transport === "http" && URL.canParse(endpoint)) return { label, endpoint: new URL(endpoint) };
  const text = `${label} is no \`http\` server with an \`endpoint\`: nobody can log in at it`;
  throw new PermanentFailure("LOGIN_NOT_OFFERED", text);
}

/** As a stranger. undefined: it lets strangers in, at least to look. */
async function askServer(
  definition: ServerDefinition,
  ground: ServerGround,
  signal: AbortSignal,
): Promise<AuthChallenge | undefined> {
  const { auth: _auth, ...spec } = definition.spec;
  const stranger: McpServerSpec = { ...spec, reconnect: { max_attempts: 1 } };
  const mcp = new McpSupervisor();
  try {
    const nobody = openSecrets({}, { variables: {}, variablePatterns: [], folders: [] });
    const handle = await mcp.acquire(await planServer({ ...definition, spec: stranger }, nobody, ground), signal);
    handle.release();
    return undefined;
  } catch (error) {
    const isAsking = error instanceof PermanentFailure && ["MCP_AUTH", "MCP_SCOPE"].includes(error.code);
    if (isAsking) return error.details["challenge"] as AuthChallenge;
    throw error;
  } finally {
    await mcp.close();
  }
}

/** A server that names another authorization server than the one that was reviewed gets no answer before a person has said so. */
function requireIssuer(label: string, reviewed: string | undefined, found: string): void {
  if (reviewed === undefined || reviewed === found) return;
  const text = `${label} is protected by \`${found}\` now, and its manifest says \`auth.issuer: ${reviewed}\``;
  throw new PermanentFailure("LOGIN_ISSUER_CHANGED", `${text}; take that out of the manifest where you know why`);
}

/** As MCP has it: what the server asks for goes before all that there is. */
function chooseScopes(
  wished: readonly string[],
  challenge: AuthChallenge | undefined,
  { metadata, resourceScopes }: LoginPlaces,
): readonly string[] {
  const candidates = [wished, challenge?.scopes ?? [], readScopes(resourceScopes)];
  const scopes = candidates.find((some) => some.length > 0) ?? [];
  const offline = metadata?.scopes_supported?.includes("offline_access") === true ? ["offline_access"] : [];
  return [...new Set(scopes.length === 0 ? [] : [...scopes, ...offline])];
}
