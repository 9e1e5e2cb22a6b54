// What the conformance suite starts: our MCP client against the suite's server, as a runner uses it.
import type { McpServerSpec } from "../../contracts/kinds/mcp-server.ts";
import type { McpToolDescription } from "../../runner/mcp/mcp-client.ts";
import { planServer } from "../../runner/mcp/plan-server.ts";
import { McpSupervisor } from "../../runner/mcp/supervisor.ts";
import { GROUND, secretsWith, serverSpec } from "../runner/mcp/servers.ts";

const endpoint = process.argv.at(-1) ?? "";
const context = JSON.parse(process.env["MCP_CONFORMANCE_CONTEXT"] ?? "{}") as Context;
const protocol = process.env["COUNTWHEEL_TEST_PROTOCOL"] ?? "auto";
const { signal } = new AbortController();
const mcp = new McpSupervisor();
try {
  const { client_id: id = "", client_secret: secret = "", private_key_pem: key = "" } = context;
  const secrets = secretsWith({ "suite:client_id": id, "suite:client_secret": secret, "suite:private_key": key });
  const handle = await mcp.acquire(
    await planServer({ namespace: "default", name: "suite", spec: await specOf() }, secrets, GROUND),
    signal,
  );
  for (const { name, arguments: args } of context.toolCalls ?? handle.tools.map(callOf)) {
    await handle.call(name, args, { signal, timeoutMs: 20_000, idempotencyKey: "k" });
  }
  handle.release();
} finally {
  await mcp.close();
}

interface Context {
  readonly client_id?: string;
  readonly client_secret?: string;
  readonly private_key_pem?: string;
  /** What the scenario wants to be called. */
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> }[];
}

function callOf({ name }: McpToolDescription, _index: number, tools: readonly McpToolDescription[]) {
  if (name === "add_numbers") return { name, arguments: { a: 5, b: 3 } };
  // The schema of the other tool, as it arrived.
  const schema = tools.find((other) => other.name === "json_schema_2020_12_tool")?.inputSchema;
  return { name, arguments: name === "json_schema_echo" ? { schema } : {} };
}

async function specOf(): Promise<McpServerSpec> {
  if (context.client_id === undefined) return serverSpec({ transport: "http", endpoint, protocol });
  const { token_endpoint: tokenUrl, issuer: audience } = await metadata();
  const profile = context.private_key_pem === undefined ? "oauth2_client_credentials" : "private_key_jwt";
  const auth = { profile, secret_ref: "suite", token_url: tokenUrl, audience };
  return serverSpec({ transport: "http", endpoint, protocol, auth });
}

/** What a person looks up once and writes into the manifest: a server's word alone gets no credentials from us. */
async function metadata(): Promise<Readonly<Record<string, unknown>>> {
  const { origin, pathname } = new URL(endpoint);
  const resource = await read(`${origin}/.well-known/oauth-protected-resource${pathname}`);
  const [server = ""] = resource["authorization_servers"] as readonly string[];
  return read(`${server.replace(/\/$/u, "")}/.well-known/oauth-authorization-server`);
}

async function read(url: string): Promise<Readonly<Record<string, unknown>>> {
  return (await (await fetch(url)).json()) as Readonly<Record<string, unknown>>;
}
