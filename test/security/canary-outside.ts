// A server on loopback that is tool, memory, model, MCP server and giver of tokens, and tells back what it was given: the
// path says in which way.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tellAll } from "./canary-forms.ts";

export interface Outside {
  readonly url: string;
  /** The bodies of all requests to models. */
  readonly prompts: readonly string[];
  close(): Promise<void>;
}

export async function openOutside(): Promise<Outside> {
  const prompts: string[] = [];
  const server = createServer((request, response) => void answer(request, response, prompts));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    prompts,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, prompts: string[]): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  const form = new URLSearchParams(Buffer.concat(parts).toString());
  const secret = form.get("refresh_token") ?? secretOf(request);
  const all = tellAll(secret);
  const [way = "", more = ""] = (request.url ?? "/").slice(1).split("/");
  const json = (status: number, body: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  switch (way) {
    case "tells":
      return void response.end(all);
    case "complains":
      return void response.writeHead(400).end(all);
    case "is-down":
      // Quoted are 500 bytes: the cut falls within the secret.
      return void response.writeHead(503).end(`${"x".repeat(488)}${secret}`);
    case "refuses":
      return void response.writeHead(401, { "www-authenticate": all.replaceAll("\n", " ") }).end(all);
    case "redirects":
      return void response.writeHead(302, { location: `http://127.0.0.1:1/${encodeURIComponent(secret)}` }).end(all);
    case "breaks":
      response.writeHead(200, { "content-length": "100000" });
      response.write(all);
      setImmediate(() => response.destroy());
      return;
    case "goes-on":
      return void response.end(`${"x".repeat(90)}${secret}`);
    case "hangs":
      return void response.write(all);
    case "no-http":
      request.socket.end(`${all}\n`);
      return;
    case "entries":
      return json(200, {
        entry: { key: secret, value: all, written: { task: all, agent: "a", activation: "a#1", at: all } },
      });
    case "token-refused":
      return json(400, { error: "invalid_client", error_description: `${"x".repeat(100)} ${secret}` });
    case "token-odd":
      return json(200, { error: all, access: secret });
    case "token-down":
      return json(503, { error: all });
    case "token-over":
      return json(400, { error: "invalid_grant", error_description: `${"x".repeat(100)} ${secret}` });
    case "token-changes":
      return json(200, { access_token: `${secret}-access`, token_type: "Bearer", refresh_token: `${secret}-next` });
    case "token":
      return json(200, { access_token: `token-${secret.slice(0, 10)}`, token_type: "Bearer", expires_in: 60 });
    case "model":
      prompts.push(Buffer.concat(parts).toString());
      return more === "answers"
        ? streamed(response, all)
        : json(Number(more), { error: { message: all, code: secret } });
    case "mcp":
      return serveMcp(more, JSON.parse(Buffer.concat(parts).toString() || "{}"), all, json, response);
    default:
      return json(500, { error: "no such way" });
  }
}

/** As the request carries it, in a header. */
function secretOf({ headers }: IncomingMessage): string {
  const { authorization = "" } = headers;
  const [, profile = "", rest = ""] = /^(Bearer|Basic) (.*)$/.exec(authorization) ?? [];
  const own = String(headers["x-canary"] ?? headers["api-key"] ?? headers["x-api-key"] ?? "");
  if (profile !== "Basic") return profile === "Bearer" ? rest : own;
  const pair = Buffer.from(rest, "base64").toString();
  return pair.startsWith("id:") ? (new URLSearchParams(`a=${pair.slice(3)}`).get("a") ?? "") : pair;
}

function streamed(response: ServerResponse, text: string): void {
  const chunk = { id: "c", object: "chat.completion.chunk", created: 1, model: text };
  const choice = (delta: unknown, finish_reason: string | null) => ({
    ...chunk,
    choices: [{ index: 0, delta, finish_reason }],
  });
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  const events = [
    choice({ role: "assistant", content: text }, null),
    choice({}, "stop"),
    { ...chunk, choices: [], usage },
  ];
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(`${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")}data: [DONE]\n\n`);
}

function serveMcp(
  more: string,
  {
    id,
    method,
    params,
  }: { readonly id?: number; readonly method?: string; readonly params?: { readonly protocolVersion?: string } },
  all: string,
  json: (status: number, body: unknown) => void,
  response: ServerResponse,
): void {
  if (more === "401" || more === "500") return json(Number(more), { error: all });
  const result = (body: unknown): void => json(200, { jsonrpc: "2.0", id, result: body });
  if (method === "initialize") {
    const serverInfo = { name: all, version: "1" };
    return result({ protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo });
  }
  if (id === undefined) return void response.writeHead(202).end();
  if (method === "tools/list")
    return result({ tools: [{ name: "tell", description: all, inputSchema: { type: "object" } }] });
  if (more === "error") return json(200, { jsonrpc: "2.0", id, error: { code: -32602, message: all } });
  if (more === "late-500") return json(500, { error: all });
  result({ content: [{ type: "text", text: all }] });
}
