// Every way in which a runner hands a secret out, on success and on each error path, with a task for each that takes it.
import { join } from "node:path";
import type { Manifest } from "../../contracts/manifest.ts";
import { agent, manifest, mockModel, system } from "../runner/world.ts";

export interface Way {
  readonly name: string;
  /** What becomes of its task: phase, code of its last error, what its tools did. Shows that the path was taken. */
  readonly comes: string;
  /** What agents, models, servers and memories it needs beside its Secret, `key`. */
  readonly set: (place: Place) => readonly Manifest[];
  /** Where its Secret's values come from; by default variables. */
  readonly from?: "sealed" | "sops" | "login";
  /** Only where programs can be sandboxed. */
  readonly isSandboxed?: boolean;
  /** The secret, made of the canary; by default it is the canary. */
  readonly value?: (canary: string) => string;
}

export interface Place {
  /** Of the server that tells back what it is given. */
  readonly url: string;
  /** Where programs write what they saw of this machine. */
  readonly seen: string;
  /** The telling program, in a folder of its own, which a sandbox can show. */
  readonly program: string;
}

export const PROGRAM = join(import.meta.dirname, "../fixtures/mcp/telling-program.mjs");
const BEARER = { profile: "bearer", secret_ref: "key" };

const http =
  (path: string, spec: Readonly<Record<string, unknown>> = {}, more: readonly string[] = []) =>
  ({ url }: Place): Manifest[] =>
    calling(
      "tell",
      [manifest("Tool", "tell", { type: "http", endpoint: `${url}/${path}`, effect: "read", auth: BEARER, ...spec })],
      more,
    );

const oauth =
  (giver: string, path = "tells") =>
  ({ url }: Place): Manifest[] => {
    const auth = { profile: "oauth2_client_credentials", secret_ref: "key", token_url: `${url}/${giver}` };
    return http(path, { auth })({ url, seen: "", program: "" });
  };

const cli =
  (mode: string, more: Readonly<Record<string, unknown>> = {}) =>
  ({ seen }: Place): Manifest[] => {
    const env_from = ["TELL", "TELL_ALL"].map((name) => ({ name, secret_ref: name === "TELL" ? "key" : "key:all" }));
    const command = { command: process.execPath, args: [PROGRAM, mode, seen], env_from };
    return calling("tell", [manifest("Tool", "tell", { type: "cli", effect: "read", cli: command, ...more })]);
  };

const stdio =
  (mode: string) =>
  ({ seen }: Place): Manifest[] =>
    calling("tells--tell", [
      manifest("McpServer", "tells", {
        transport: "stdio",
        command: process.execPath,
        args: [PROGRAM, mode, seen],
        env: [
          { name: "TELL", secret_ref: "key" },
          { name: "TELL_ALL", secret_ref: "key:all" },
        ],
        reconnect: { max_attempts: 1 },
      }),
    ]);

/** A server that gets its secrets as files. */
const mounted =
  (mode: string, more: (place: Place) => Readonly<Record<string, unknown>> = () => ({})) =>
  (place: Place): Manifest[] =>
    calling("tells--tell", [
      manifest("McpServer", "tells", {
        transport: "stdio",
        command: process.execPath,
        args: [PROGRAM, mode, place.seen],
        env: [
          { name: "TELL_FILE", secret_ref: "key", mount_path: "tell" },
          { name: "TELL_ALL_FILE", secret_ref: "key:all", mount_path: "all" },
        ],
        reconnect: { max_attempts: 1 },
        ...more(place),
      }),
    ]);

const inSandbox = ({ program, seen }: Place) => ({
  command: program,
  args: ["mcp", seen],
  default_tool_runtime: { isolation_mode: "sandboxed" },
});

const mcpHttp =
  (path: string, auth: unknown = BEARER) =>
  ({ url }: Place): Manifest[] =>
    calling("tells--tell", [
      manifest("McpServer", "tells", {
        transport: "http",
        endpoint: `${url}/mcp/${path}`,
        allow_private: true,
        auth,
        reconnect: { max_attempts: 1 },
      }),
    ]);

/** A server that a person has logged in at; the canary is the refresh token. */
const loggedIn =
  (giver: string, path = "ok") =>
  (place: Place): Manifest[] => {
    const auth = { profile: "oauth2_authorization_code", secret_ref: "key", token_url: `${place.url}/${giver}` };
    return mcpHttp(path, auth)(place);
  };

const memory =
  (path: string) =>
  ({ url }: Place): Manifest[] => [
    agent("a", { memory: { ref: "notes", allow: ["read"] } }),
    manifest("Memory", "notes", { provider: "http", endpoint: `${url}/${path}`, auth: { secret_ref: "key" } }),
    ...scripted("memory.read", { key: "k" }),
  ];

const memoryAddress = (): Manifest[] => [
  agent("a", { memory: { ref: "notes", allow: ["read"] } }),
  manifest("Memory", "notes", { provider: "http", endpoint_secret_ref: "key" }),
  ...scripted("memory.read", { key: "k" }),
];

const model =
  (path: string, spec: Readonly<Record<string, unknown>> = {}) =>
  ({ url }: Place): Manifest[] => [
    // Each by a name of its own: after five failures in a row a breaker stands before everybody's calls of one.
    agent("a", { model_ref: `model-${path.replaceAll("/", "-")}`, ...spec }),
    system("one", ["a"]),
    manifest("ModelEndpoint", `model-${path.replaceAll("/", "-")}`, {
      provider: "openai",
      base_url: `${url}/${path}`,
      allow_private: true,
      default_model: "gpt-4o",
      auth: { secret_ref: "key" },
    }),
  ];

function calling(tool: string, offers: readonly Manifest[], more: readonly string[] = []): Manifest[] {
  return [agent("a", { tools: [tool, ...more] }), ...offers, ...scripted(tool)];
}

/** The agent calls its tool, and says again what it read. */
function scripted(tool: string, args: Readonly<Record<string, unknown>> = {}): Manifest[] {
  const script = [
    { agent: "a", turn: 1, call: [{ tool, arguments: args }] },
    { agent: "a", turn: 2, say: "read: {{last}}" },
  ];
  return [system("one", ["a"]), mockModel("mock", script)];
}

export const WAYS: readonly Way[] = [
  { name: "an HTTP tool that answers", comes: "Succeeded answers", set: http("tells") },
  { name: "an HTTP tool that complains", comes: "Succeeded complains", set: http("complains") },
  { name: "an HTTP tool that is down", comes: "Succeeded TOOL_UNAVAILABLE", set: http("is-down") },
  { name: "an HTTP tool that refuses the credentials", comes: "Succeeded TOOL_AUTH", set: http("refuses") },
  { name: "an HTTP tool that leads elsewhere", comes: "Succeeded REDIRECT_REFUSED", set: http("redirects") },
  { name: "an HTTP tool that breaks off", comes: "Succeeded ANSWER_CUT", set: http("breaks") },
  {
    name: "an HTTP tool whose answer is cut within the secret",
    comes: "Succeeded answers",
    set: http("goes-on", { max_result_bytes: 105 }),
  },
  {
    name: "an HTTP tool whose answer is kept whole",
    comes: "Succeeded answers",
    set: http("tells", { max_result_bytes: 105 }, ["artifact.read"]),
  },
  {
    name: "an HTTP tool that does not end",
    comes: "Succeeded TOOL_TIMEOUT",
    set: http("hangs", { runtime: { timeout: "150ms" } }),
  },
  { name: "an HTTP tool that speaks no HTTP", comes: "Succeeded HOST_UNREACHABLE", set: http("no-http") },
  {
    name: "an HTTP tool with a key in a header of its own",
    comes: "Succeeded answers",
    set: http("tells", { auth: { profile: "api_key_header", header_name: "X-Canary", secret_ref: "key" } }),
  },
  {
    name: "an HTTP tool with basic credentials",
    comes: "Succeeded answers",
    set: http("tells", { auth: { profile: "basic", secret_ref: "key" } }),
  },
  {
    name: "a secret that no header can carry",
    comes: "Succeeded TOOL_AUTH_INVALID",
    set: http("tells"),
    value: (canary) => `${canary}\n${canary}`,
  },
  { name: "client credentials, and a token that is told back", comes: "Succeeded answers", set: oauth("token") },
  { name: "client credentials that are refused", comes: "Succeeded TOKEN_REFUSED", set: oauth("token-refused") },
  {
    name: "client credentials that are answered with no token",
    comes: "Succeeded TOKEN_REFUSED",
    set: oauth("token-odd"),
  },
  {
    name: "client credentials when no token is given now",
    comes: "Succeeded TOKEN_UNAVAILABLE",
    set: oauth("token-down"),
  },
  { name: "client credentials whose token is refused", comes: "Succeeded TOOL_AUTH", set: oauth("token", "refuses") },
  {
    name: "a private key that is none",
    comes: "Succeeded TOOL_AUTH_INVALID",
    set: ({ url }) => {
      const auth = { profile: "private_key_jwt", secret_ref: "key", token_url: `${url}/token` };
      return http("tells", { auth })({ url, seen: "", program: "" });
    },
  },
  {
    name: "a login whose tokens change",
    comes: "Succeeded answers",
    from: "login",
    set: loggedIn("token-changes"),
  },
  {
    name: "a login whose server refuses it",
    comes: "Failed MCP_AUTH",
    from: "login",
    set: loggedIn("token-changes", "401"),
  },
  { name: "a login that is over", comes: "Failed TOKEN_GRANT_ENDED", from: "login", set: loggedIn("token-over") },
  {
    name: "a login that is told back",
    comes: "Failed TOKEN_REFUSED",
    from: "login",
    set: loggedIn("token-refused"),
  },
  { name: "a program that prints", comes: "Succeeded answers", set: cli("cli") },
  { name: "a program that fails", comes: "Succeeded complains", set: cli("cli-complaint") },
  { name: "a program that is killed", comes: "Succeeded COMMAND_KILLED", set: cli("cli-killed") },
  {
    name: "a program that does not end",
    comes: "Succeeded TOOL_TIMEOUT",
    set: cli("cli-late", { runtime: { timeout: "400ms" } }),
  },
  {
    name: "a program whose output is cut within the secret",
    comes: "Succeeded answers",
    set: cli("cli-long", { max_result_bytes: 105 }),
  },
  { name: "a program whose complaint is cut within the secret", comes: "Succeeded complains", set: cli("cli-tail") },
  { name: "an MCP server that answers", comes: "Succeeded answers", set: stdio("mcp") },
  { name: "an MCP server that answers with an error", comes: "Succeeded complains", set: stdio("mcp-error") },
  { name: "an MCP server whose tool complains", comes: "Succeeded complains", set: stdio("mcp-complaint") },
  { name: "an MCP server with structured content", comes: "Succeeded answers", set: stdio("mcp-structured") },
  {
    name: "an MCP server that answers with garbage",
    comes: "Unknown EFFECT_UNKNOWN MCP_MALFORMED",
    set: stdio("mcp-garbage"),
  },
  { name: "an MCP server that crashes in a call", comes: "Unknown EFFECT_UNKNOWN MCP_CLOSED", set: stdio("mcp-crash") },
  { name: "an MCP server that does not start", comes: "DeadLetter MCP_CLOSED", set: stdio("mcp-refuse") },
  { name: "an MCP server that lists no tools", comes: "DeadLetter MCP_MALFORMED", set: stdio("mcp-unlisted") },
  { name: "an MCP server over HTTP", comes: "Succeeded answers", set: mcpHttp("ok") },
  { name: "an MCP server over HTTP that answers with an error", comes: "Succeeded complains", set: mcpHttp("error") },
  { name: "an MCP server over HTTP that refuses the credentials", comes: "Failed MCP_AUTH", set: mcpHttp("401") },
  { name: "an MCP server over HTTP that is down", comes: "DeadLetter MCP_UNAVAILABLE", set: mcpHttp("500") },
  {
    name: "an MCP server over HTTP that fails in a call",
    comes: "Unknown EFFECT_UNKNOWN MCP_UNAVAILABLE",
    set: mcpHttp("late-500"),
  },
  {
    name: "a sealed secret that an HTTP tool answers with",
    comes: "Succeeded answers",
    from: "sealed",
    set: http("tells"),
  },
  {
    name: "a sealed secret that an MCP server crashes with",
    comes: "Unknown EFFECT_UNKNOWN MCP_CLOSED",
    from: "sealed",
    set: stdio("mcp-crash"),
  },
  {
    name: "a secret of SOPS that an HTTP tool complains of",
    comes: "Succeeded complains",
    from: "sops",
    set: http("complains"),
  },
  {
    name: "a secret of SOPS that a program fails with",
    comes: "Succeeded complains",
    from: "sops",
    set: cli("cli-complaint"),
  },
  {
    name: "a secret of SOPS that a model answers with",
    comes: "Succeeded",
    from: "sops",
    set: model("model/answers/sops"),
  },
  { name: "an MCP server that answers with its file", comes: "Succeeded answers", set: mounted("mcp") },
  {
    name: "an MCP server that crashes with its file",
    comes: "Unknown EFFECT_UNKNOWN MCP_CLOSED",
    set: mounted("mcp-crash"),
  },
  {
    name: "an MCP server that does not start with its file",
    comes: "DeadLetter MCP_CLOSED",
    set: mounted("mcp-refuse"),
  },
  { name: "an MCP server in a sandbox", comes: "Succeeded answers", isSandboxed: true, set: mounted("mcp", inSandbox) },
  {
    name: "a program in a sandbox",
    comes: "Succeeded complains",
    isSandboxed: true,
    set: (place) =>
      cli("cli-complaint", {
        runtime: { isolation_mode: "sandboxed" },
        cli: {
          command: place.program,
          args: ["cli-complaint", place.seen],
          env_from: [
            { name: "TELL", secret_ref: "key" },
            { name: "TELL_ALL", secret_ref: "key:all" },
          ],
        },
      })(place),
  },
  { name: "a memory behind HTTP", comes: "Succeeded answers", set: memory("entries/") },
  {
    name: "a memory behind HTTP that refuses the credentials",
    comes: "Succeeded MEMORY_AUTH",
    set: memory("refuses/"),
  },
  { name: "a memory behind HTTP that is down", comes: "Succeeded MEMORY_UNAVAILABLE", set: memory("is-down/") },
  {
    name: "a memory behind HTTP that answers with no JSON",
    comes: "Succeeded MEMORY_UNREADABLE",
    set: memory("tells/"),
  },
  {
    name: "a memory whose address is secret",
    comes: "Succeeded HOST_UNREACHABLE",
    set: memoryAddress,
    value: (canary) => `http://127.0.0.1:1/${encodeURIComponent(canary)}`,
  },
  {
    name: "a memory whose secret is no address",
    comes: "Succeeded ENDPOINT_INVALID",
    set: memoryAddress,
    value: (canary) => `no address ${canary}`,
  },
  { name: "a model that answers", comes: "Succeeded", set: model("model/answers") },
  {
    name: "a model that is told of tools",
    comes: "Succeeded",
    set: (place) => [
      ...stdio("mcp")(place).filter(({ kind }) => kind === "McpServer"),
      ...model("model/answers", { tools: ["tells--tell"] })(place),
    ],
  },
  { name: "a model that refuses the key", comes: "Failed MODEL_AUTH", set: model("model/401") },
  { name: "a model that refuses the request", comes: "Failed MODEL_BAD_REQUEST", set: model("model/400") },
  { name: "a model that is down", comes: "DeadLetter MODEL_UNAVAILABLE", set: model("model/503") },
  { name: "a model that knows no such model", comes: "Failed MODEL_NOT_FOUND", set: model("model/404") },
  { name: "a model that sends no JSON", comes: "DeadLetter MODEL_MALFORMED_ANSWER", set: model("tells") },
];
