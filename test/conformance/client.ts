// What the conformance suite starts: our MCP client against the suite's server, as a runner uses it.
import type { McpServerSpec } from "../../contracts/kinds/mcp-server.ts";
import { planServer } from "../../runner/mcp/plan-server.ts";
import { McpSupervisor } from "../../runner/mcp/supervisor.ts";
import { GROUND, secretsWith, serverSpec } from "../runner/mcp/servers.ts";

const endpoint = process.argv.at(-1) ?? "";
const context = JSON.parse(process.env["MCP_CONFORMANCE_CONTEXT"] ?? "{}") as Readonly<Record<string, string>>;
const { signal } = new AbortController();
const mcp = new McpSupervisor();
try {
  const { client_id: id = "", client_secret: secret = "" } = context;
  const secrets = secretsWith({ "suite:client_id": id, "suite:client_secret": secret });
  const handle = await mcp.acquire(
    await planServer({ namespace: "default", name: "suite", spec: await specOf() }, secrets, GROUND),
    signal,
  );
  for (const { name } of handle.tools) {
    const args = name === "add_numbers" ? { a: 5, b: 3 } : {};
    await handle.call(name, args, { signal, timeoutMs: 20_000, idempotencyKey: "k" });
  }
  handle.release();
} finally {
  await mcp.close();
}

async function specOf(): Promise<McpServerSpec> {
  if (context["client_id"] === undefined) return serverSpec({ transport: "http", endpoint });
  const auth = { profile: "oauth2_client_credentials", secret_ref: "suite", token_url: await tokenUrl() };
  return serverSpec({ transport: "http", endpoint, auth });
}

/** What a person looks up once and writes into the manifest: a server's word alone gets no credentials from us. */
async function tokenUrl(): Promise<string> {
  const { origin, pathname } = new URL(endpoint);
  const resource = await read(`${origin}/.well-known/oauth-protected-resource${pathname}`);
  const [server = ""] = resource["authorization_servers"] as readonly string[];
  const metadata = await read(`${server.replace(/\/$/u, "")}/.well-known/oauth-authorization-server`);
  return String(metadata["token_endpoint"]);
}

async function read(url: string): Promise<Readonly<Record<string, unknown>>> {
  return (await (await fetch(url)).json()) as Readonly<Record<string, unknown>>;
}
