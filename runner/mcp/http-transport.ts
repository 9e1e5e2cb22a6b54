// Carries MCP messages over streamable HTTP, of either generation of the SDK, through the same checked connection as HTTP
// tools.
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type { FetchLike } from "@modelcontextprotocol/sdk/shared/transport.js";
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import type { McpServerSpec } from "../../contracts/kinds/mcp-server.ts";
import { type Outbound, sendChecked } from "../tools/checked-request.ts";
import type { Credentials } from "../tools/credentials.ts";
import { webResponse } from "../tools/web-response.ts";
import { authFailure } from "./auth-failure.ts";
import { MCP_LIMITS } from "./limits.ts";
import type { ModernTransport } from "./modern-transport.ts";
import type { ServerTransport } from "./server-transport.ts";

export interface HttpServer {
  readonly label: string;
  readonly endpoint: URL;
  readonly credentials: Credentials;
  readonly outbound: Outbound;
  /** With which a person logs in. */
  readonly login: string;
  /** By which it is called; undefined: by none. */
  readonly profile: NonNullable<McpServerSpec["auth"]>["profile"];
}

export async function httpTransport(server: HttpServer): Promise<ServerTransport> {
  const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
  const fetch = checkedFetch(server, (method, response) => statusFailure(server, method, response));
  const transport = new StreamableHTTPClientTransport(server.endpoint, { fetch });
  return Object.assign(transport, {
    failure: () => undefined,
    end: async (how: "politely" | "now") => {
      if (how === "politely") await settledWithin(MCP_LIMITS.graceMs, transport.terminateSession());
      await transport.close();
    },
  });
}

/** Without sessions. What a server answers with 400 or 404 is part of the protocol here, which its SDK reads. */
export async function modernHttpTransport(server: HttpServer): Promise<ModernTransport> {
  const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const fetch = checkedFetch(server, (method, response) =>
    [400, 404].includes(response.statusCode ?? 0) ? undefined : statusFailure(server, method, response),
  );
  const transport = new StreamableHTTPClientTransport(server.endpoint, { fetch });
  return Object.assign(transport, { failure: () => undefined, end: () => transport.close() });
}

type StatusFailure = (method: string, response: IncomingMessage) => Error | undefined;

/** A `fetch` of our own: failures pass through the SDK unchanged, and answers to a request are bounded. */
function checkedFetch({ credentials, outbound }: HttpServer, failureOf: StatusFailure): FetchLike {
  return async (target, init = {}) => {
    const method = init.method ?? "GET";
    const signal = init.signal ?? new AbortController().signal;
    const url = new URL(target);
    const send = async (): Promise<IncomingMessage> => {
      const own = await credentials.headers(signal, { method, url });
      const headers = { ...Object.fromEntries(new Headers(init.headers)), ...own };
      const body = typeof init.body === "string" ? { body: init.body } : {};
      return sendChecked({ method, url, headers, ...body, signal }, outbound);
    };
    let response = await send();
    if (response.statusCode === 401 && credentials.renew({ url, headers: response.headers })) {
      response.destroy();
      response = await send();
    }
    const failure = failureOf(method, response);
    if (failure !== undefined) {
      response.destroy();
      throw failure;
    }
    return method === "POST"
      ? webResponse(response, Readable.from(bounded(response, MCP_LIMITS.messageBytes)))
      : webResponse(response);
  };
}

/** GET and DELETE are offers of the protocol that a server may refuse: the SDK reads those statuses. */
function statusFailure(server: HttpServer, method: string, response: IncomingMessage): Error | undefined {
  const { label } = server;
  const { statusCode = 0, headers } = response;
  if (method !== "POST" || statusCode < 400) return undefined;
  if (statusCode === 401 || statusCode === 403)
    return authFailure(server, statusCode, headers["www-authenticate"] ?? "");
  if (statusCode === 429 || statusCode >= 500)
    return new TransientFailure("MCP_UNAVAILABLE", `${label} answered ${statusCode}`);
  // 404 ends a session: a new connection may do better.
  if (statusCode === 404)
    return new TransientFailure("MCP_CLOSED", `${label} answered 404: no such session or endpoint`);
  return new PermanentFailure("MCP_REFUSED", `${label} answered ${statusCode}`);
}

async function* bounded(response: IncomingMessage, limitBytes: number): AsyncGenerator<Buffer> {
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > limitBytes) {
      throw new TransientFailure("MCP_RESULT_TOO_LARGE", `the server sent more than ${limitBytes} bytes in one answer`);
    }
    yield part;
  }
}

async function settledWithin(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  // The server may be gone: leaving politely is an offer.
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}
