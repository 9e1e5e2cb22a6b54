// Makes of an McpServer manifest what the supervisor runs: command or endpoint, environment, credentials, limits.
import { canonicalJson, digestText } from "../../contracts/canonical.ts";
import { parseDuration, timerMs } from "../../contracts/duration.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { McpServerSpec } from "../../contracts/kinds/mcp-server.ts";
import type { Secrets } from "../secrets/secrets.ts";
import type { Outbound } from "../tools/checked-request.ts";
import { openCredentials } from "../tools/credentials.ts";
import type { GrantRenewer } from "../tools/oauth/grant-renewer.ts";
import type { OAuthTokens } from "../tools/oauth-tokens.ts";
import { connectHttp, stdioConnector } from "./connect-server.ts";
import { type HttpServer, httpTransport, modernHttpTransport } from "./http-transport.ts";
import type { McpClient } from "./mcp-client.ts";
import type { McpPeer } from "./mcp-peer.ts";
import type { ServerPlan } from "./server-plan.ts";
import { type LaunchGround, launchServer, readGiven } from "./stdio/launch.ts";
import { StdioTransport } from "./stdio/transport.ts";

export interface ServerDefinition {
  readonly namespace: string;
  readonly name: string;
  readonly spec: McpServerSpec;
}

/** What servers get of this machine. */
export interface ServerGround extends LaunchGround {
  readonly tokens: OAuthTokens;
  readonly renewer: GrantRenewer;
  readonly resolve: Outbound["resolve"];
  readonly now: () => Date;
}

const DEFAULT_PROTOCOL = "auto";
const DEFAULT_IDLE_MS = 5 * 60_000;
const DEFAULT_ATTEMPTS = 3;
const DEFAULT_BACKOFF_MS = 2_000;

/** Throws PermanentFailure MCP_INVALID, or what a secret throws. Nothing is started or written yet. */
export async function planServer(
  definition: ServerDefinition,
  secrets: Secrets,
  ground: ServerGround,
): Promise<ServerPlan> {
  const { namespace, name, spec } = definition;
  const label = `McpServer ${namespace}/${name}`;
  const defined = digestText(canonicalJson({ namespace, name, spec }));
  const how =
    spec.transport === "http"
      ? await planHttp(definition, label, secrets, ground)
      : await planStdio(definition, label, secrets, ground);
  return {
    key: digestText(canonicalJson({ defined, given: how.given })),
    definition: defined,
    label,
    idleMs: timerMs(parseDuration(spec.idle_timeout ?? "") ?? DEFAULT_IDLE_MS),
    attempts: spec.reconnect?.max_attempts ?? DEFAULT_ATTEMPTS,
    backoffMs: parseDuration(spec.reconnect?.backoff ?? "") ?? DEFAULT_BACKOFF_MS,
    connect: how.connect,
  };
}

/** How a person logs in at this server once, for all runners. */
function loginCommand({ namespace, name }: Pick<ServerDefinition, "namespace" | "name">): string {
  return `countwheel mcp login ${namespace === "default" ? name : `${namespace}/${name}`}`;
}

function profileOf({ auth }: McpServerSpec): HttpServer["profile"] {
  return auth?.secret_ref === undefined ? undefined : (auth.profile ?? "bearer");
}

/** `given`: the resolved secrets, so that a server with another credential is another server. Only ever hashed. */
interface Connection {
  readonly given: Readonly<Record<string, string>>;
  readonly connect: (signal: AbortSignal) => Promise<McpClient>;
}

function peerOf({ elicitation }: McpServerSpec, label: string): McpPeer {
  return { label, answersForms: elicitation === "defaults" };
}

async function planStdio(
  { namespace, spec }: ServerDefinition,
  label: string,
  secrets: Secrets,
  ground: ServerGround,
): Promise<Connection> {
  if ((spec.command ?? "") === "" && spec.image === undefined)
    throw new PermanentFailure("MCP_INVALID", `${label}: a stdio server needs a \`command\` or an \`image\``);
  const given = await readGiven(spec, namespace, label, secrets);
  const { JSONRPCMessageSchema } = await import("@modelcontextprotocol/sdk/types.js");
  const prepare = () => launchServer(spec, label, given, ground);
  const open = () => new StdioTransport(label, prepare, (value) => JSONRPCMessageSchema.parse(value));
  return {
    given: { ...given.env, ...Object.fromEntries(given.files.map(({ variable, text }) => [variable, text])) },
    connect: stdioConnector(peerOf(spec, label), spec.protocol ?? DEFAULT_PROTOCOL, open),
  };
}

async function planHttp(
  { namespace, name, spec }: ServerDefinition,
  label: string,
  secrets: Secrets,
  ground: ServerGround,
): Promise<Connection> {
  const { endpoint = "" } = spec;
  if (!URL.canParse(endpoint)) {
    throw new PermanentFailure("MCP_INVALID", `${label}: \`endpoint: ${endpoint}\` is no address`);
  }
  const outbound = { allowPrivate: spec.allow_private === true, resolve: ground.resolve };
  const { tokens, renewer, now } = ground;
  const login = loginCommand({ namespace, name });
  const granted = { endpoint: new URL(endpoint).href, login, renewer, now };
  const keys = { secrets, tokens, outbound: () => outbound, granted };
  const credentials = await openCredentials(spec.auth, namespace, label, keys);
  return {
    given: credentials.given,
    connect: (signal) => {
      const server = { label, endpoint: new URL(endpoint), credentials, outbound, login, profile: profileOf(spec) };
      const open = { modern: () => modernHttpTransport(server), legacy: () => httpTransport(server) };
      return connectHttp(peerOf(spec, label), spec.protocol ?? DEFAULT_PROTOCOL, open, signal);
    },
  };
}
