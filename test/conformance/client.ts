// What the conformance suite starts: our MCP client against the suite's server, as a runner uses it; and where a server wants
// a person, that person, who does as the problem says, with a browser that says yes.
import { failureRecord, PermanentFailure } from "../../contracts/failure.ts";
import type { McpServerSpec } from "../../contracts/kinds/mcp-server.ts";
import type { McpToolDescription } from "../../runner/mcp/mcp-client.ts";
import { planServer } from "../../runner/mcp/plan-server.ts";
import { McpSupervisor } from "../../runner/mcp/supervisor.ts";
import { GROUND, secretsWith, serverSpec } from "../runner/mcp/servers.ts";
import { type LoggedIn, logIn } from "./person.ts";

/** Scenarios whose servers ask a person. */
const ASKING: readonly string[] = ["elicitation-sep1034-client-defaults", "sep-2322-client-request-state"];
/** A server that speaks 2026-07-28 must say of what type a result is. This tool's does not, and the SDK refuses it. */
const WITHOUT_TYPE = "test_mrtr_no_result_type";

const endpoint = process.argv.at(-1) ?? "";
const context = JSON.parse(process.env["MCP_CONFORMANCE_CONTEXT"] ?? "{}") as Context;
const protocol = process.env["COUNTWHEEL_TEST_PROTOCOL"] ?? "auto";
const scenario = process.env["MCP_CONFORMANCE_SCENARIO"] ?? "";
const { signal } = new AbortController();
/** Those in which a program calls in its own name. */
const OWN_NAME: Readonly<Record<string, string>> = {
  "auth/client-credentials-basic": "oauth2_client_credentials",
  "auth/client-credentials-jwt": "private_key_jwt",
  "auth/wif-jwt-bearer": "oauth2_jwt_bearer",
};
/** A person tries that often what a problem tells them. */
const MOST_LOGINS = 3;

let login: LoggedIn = {};
for (let logins = 0; ; logins += 1) {
  try {
    await play(await specOf(), login.grant ?? "");
    break;
  } catch (error) {
    const command =
      error instanceof PermanentFailure ? /`countwheel mcp login suite([^`]*)`/u.exec(error.message) : null;
    if (command === null || logins === MOST_LOGINS) throw error;
    const words = (command[1] ?? "").split(" --scope ").slice(1);
    login = await logIn(await specOf(), { scenario, context, scopes: words });
  }
}

async function play(spec: McpServerSpec, grant: string): Promise<void> {
  const mcp = new McpSupervisor();
  try {
    const { client_id: id = "", client_secret: secret = "", private_key_pem: key = "" } = context;
    const own = { "suite:client_id": id, "suite:client_secret": secret, "suite:private_key": key };
    const keys = { ...own, "suite:assertion": context.valid_jwt ?? "" };
    const secrets = secretsWith({ ...keys, "suite-login:grant": grant });
    const server = { namespace: "default", name: "suite", spec };
    const handle = await mcp.acquire(await planServer(server, secrets, GROUND), signal);
    for (const { name, arguments: args } of context.toolCalls ?? handle.tools.map(callOf)) {
      const noteElicited = (): Promise<void> => Promise.resolve();
      const calling = handle.call(name, args, { signal, timeoutMs: 20_000, idempotencyKey: "k", noteElicited });
      await (name === WITHOUT_TYPE ? refused(calling) : calling);
    }
    handle.release();
  } finally {
    await mcp.close();
  }
}

export interface Context {
  readonly client_id?: string;
  readonly client_secret?: string;
  readonly private_key_pem?: string;
  readonly valid_jwt?: string;
  /** What the scenario wants to be called. */
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> }[];
}

async function refused(calling: Promise<unknown>): Promise<void> {
  const code = await calling.then(
    () => "none",
    (error: unknown) => failureRecord(error).code,
  );
  if (code !== "MCP_MALFORMED") throw new Error(`a result without a type came to ${code}`);
}

function callOf({ name }: McpToolDescription, _index: number, tools: readonly McpToolDescription[]) {
  if (name === "add_numbers") return { name, arguments: { a: 5, b: 3 } };
  // The schema of the other tool, as it arrived.
  const schema = tools.find((other) => other.name === "json_schema_2020_12_tool")?.inputSchema;
  return { name, arguments: name === "json_schema_echo" ? { schema } : {} };
}

async function specOf(): Promise<McpServerSpec> {
  const profile = OWN_NAME[scenario];
  const auth = profile === undefined ? login.auth : await clientCredentials(profile);
  const elicitation = ASKING.includes(scenario) ? "defaults" : "none";
  return serverSpec({ transport: "http", endpoint, protocol, elicitation, ...(auth === undefined ? {} : { auth }) });
}

async function clientCredentials(profile: string) {
  const { token_endpoint: tokenUrl, issuer: audience } = await metadata();
  return { profile, secret_ref: "suite", token_url: tokenUrl, audience };
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
