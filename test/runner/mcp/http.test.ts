// MCP over streamable HTTP, against a real server of the SDK on loopback.
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { afterEach, expect, test } from "vitest";
import type { McpClient } from "../../../runner/mcp/mcp-client.ts";
import { answerJson, type LoopbackServer, serve } from "../tools/http-server.ts";
import { never, planFor, secretsWith, serverSpec } from "./servers.ts";

let client: McpClient | undefined;

afterEach(async () => {
  await client?.close("politely");
  client = undefined;
});

async function connect(endpoint: string, more: Readonly<Record<string, unknown>> = {}): Promise<McpClient> {
  const plan = await planFor(serverSpec({ transport: "http", endpoint, ...more }), secretsWith({ token: "s3cret" }));
  client = await plan.connect(never());
  return client;
}

function call(of: McpClient, timeoutMs = 10_000) {
  return of.callTool("time", {}, { signal: never(), timeoutMs, idempotencyKey: "k" });
}

/** One session without state, answers as a stream or as JSON. */
async function mcpServer(options: { readonly json: boolean; readonly hang?: boolean }): Promise<LoopbackServer> {
  return serve(async (response, { body }, request) => {
    const server = new McpServer({ name: "clock", version: "1" });
    server.registerTool("time", { description: "The time" }, () =>
      options.hang === true
        ? new Promise(() => undefined)
        : {
            content: [
              { type: "text" as const, text: "noon" },
              { type: "image" as const, data: "AAAA", mimeType: "image/png" },
            ],
          },
    );
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: options.json });
    await server.connect(transport);
    await transport.handleRequest(request, response, body === "" ? undefined : JSON.parse(body));
  });
}

test.each([true, false])("discovers and calls tools (JSON answers: %s)", async (json) => {
  const server = await mcpServer({ json });
  const asked = await connect(`${server.url}/mcp`, { auth: { secret_ref: "token" } });
  expect(await asked.listTools(never())).toMatchObject([{ name: "time", description: "The time" }]);
  expect(await call(asked)).toEqual({ text: "noon\n[image image/png, 3 bytes, left out]", isError: false });
  expect(new Set(server.asked.map(({ headers }) => headers.authorization))).toEqual(new Set(["Bearer s3cret"]));
});

test("a call that hangs fails at its time-out", async () => {
  const server = await mcpServer({ json: false, hang: true });
  await expect(call(await connect(server.url), 50)).rejects.toMatchObject({ code: "MCP_TIMEOUT" });
});

test.each([
  [401, { name: "PermanentFailure", code: "MCP_AUTH" }],
  [503, { name: "TransientFailure", code: "MCP_UNAVAILABLE" }],
  [400, { name: "PermanentFailure", code: "MCP_REFUSED" }],
])("a server that answers %i is a failure with its name", async (status, failure) => {
  const server = await serve((response) => answerJson(response, status, {}));
  await expect(connect(server.url)).rejects.toMatchObject(failure);
});

test("does not follow a server to another origin", async () => {
  const server = await serve((response) => void response.writeHead(307, { Location: "http://169.254.169.254/" }).end());
  await expect(connect(server.url)).rejects.toMatchObject({ name: "PermanentFailure", code: "REDIRECT_REFUSED" });
});

test("nobody there is a failure that may pass", async () => {
  await expect(connect("http://127.0.0.1:1/")).rejects.toMatchObject({
    name: "TransientFailure",
    code: "HOST_UNREACHABLE",
  });
});

test("an answer without an end is cut at the limit", async () => {
  const server = await serve((response) => {
    response.writeHead(200, { "Content-Type": "application/json" });
    const block = Buffer.alloc(1024 * 1024, " ");
    const more = (): void => {
      if (!response.destroyed) response.write(block, more);
    };
    more();
  });
  await expect(connect(server.url)).rejects.toMatchObject({ code: "MCP_RESULT_TOO_LARGE" });
});
