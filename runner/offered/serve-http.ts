// Offers tools over streamable HTTP, without sessions: each request is answered by itself. Who may ask, and what is offered to
// them, is settled before anything is read: by a token, or because it is this machine alone and no page of a browser.
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { PermanentFailure } from "../../contracts/failure.ts";
import { openOfferServer } from "./offer-server.ts";
import type { Offer } from "./offered-tool.ts";

export interface HttpOffer {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Whoever brings it is offered what is offered without any. undefined: there is none. */
  readonly token: string | undefined;
  /** Nobody may ask without a token, this machine neither. */
  readonly requiresToken: boolean;
  /** What is offered to whoever brings another token; undefined: nobody is known by it. */
  admit(bearer: string): Promise<Offer | undefined>;
}

export interface OfferedAt {
  readonly url: string;
  stop(): Promise<void>;
}

const PATH = "/mcp";
const MAX_BODY_BYTES = 1024 * 1024;
const BODY_MS = 10_000;
const HEADERS_MS = 5_000;
const CONNECTIONS = 64;
const LOOPBACK: readonly string[] = ["127.0.0.1", "localhost", "::1", "[::1]"];

/** Throws PermanentFailure TOKEN_MISSING or LISTEN_FAILED. */
export async function serveHttp(offer: Offer, at: HttpOffer): Promise<OfferedAt> {
  if (at.token === undefined && !at.requiresToken && !LOOPBACK.includes(at.host)) {
    const text = `to listen on ${at.host}, which others can reach, set COUNTWHEEL_MCP_TOKEN, or say --require-token; without either only 127.0.0.1 is listened on`;
    throw new PermanentFailure("TOKEN_MISSING", text);
  }
  const server = createServer({ headersTimeout: HEADERS_MS, requestTimeout: BODY_MS }, (request, response) => {
    void answer(offer, at, request, response);
  });
  server.maxConnections = CONNECTIONS;
  await listen(server, at);
  const { port } = server.address() as AddressInfo;
  return { url: `http://${at.host.includes(":") ? "[::1]" : at.host}:${port}${PATH}`, stop: () => stop(server) };
}

async function answer(offer: Offer, at: HttpOffer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const admitted = await admission(offer, at, request);
  if (admitted.outcome === "refused") return refuse(response, ...admitted.refusal);
  const body = await readBody(request);
  if (body.outcome === "too-large") return refuse(response, 413, "the request is too large");
  if (body.outcome === "no-json") return refuse(response, 400, "the request is no JSON, or was cut");
  const { server } = openOfferServer(admitted.offer);
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
  response.once("close", () => void server.close());
  try {
    await server.connect(transport);
    await transport.handleRequest(request, response, body.value);
  } catch {
    // The SDK has answered whatever it understands; what is left is a connection that broke.
    response.destroy();
  }
}

type Refusal = readonly [status: number, text: string, headers?: Readonly<Record<string, string>>];

type Admission =
  | { readonly outcome: "admitted"; readonly offer: Offer }
  | { readonly outcome: "refused"; readonly refusal: Refusal };

async function admission(offer: Offer, at: HttpOffer, request: IncomingMessage): Promise<Admission> {
  const early = whyNot(request);
  if (early !== undefined) return { outcome: "refused", refusal: early };
  const { authorization, host } = request.headers;
  const needsToken = at.token !== undefined || at.requiresToken;
  if (authorization === undefined && !needsToken) {
    // A page that a browser shows could lead a name of its own to this machine.
    if (LOOPBACK.includes(hostName(`http://${host ?? ""}`))) return { outcome: "admitted", offer };
    return { outcome: "refused", refusal: [403, "unknown host"] };
  }
  return await knownBy(offer, at, bearerOf(authorization));
}

/** Whoever brings a token that is not good is refused also where none is needed: they meant to be somebody. */
async function knownBy(offer: Offer, at: HttpOffer, bearer: string): Promise<Admission> {
  if (at.token !== undefined && isSame(bearer, at.token)) return { outcome: "admitted", offer };
  try {
    const theirs = await at.admit(bearer);
    if (theirs !== undefined) return { outcome: "admitted", offer: theirs };
  } catch {
    // Redis is away, or what it holds cannot be believed: nobody is let in by it, and `doctor` tells.
    return { outcome: "refused", refusal: [503, "tokens cannot be checked now"] };
  }
  return { outcome: "refused", refusal: [401, "a bearer token is needed", { "www-authenticate": "Bearer" }] };
}

function whyNot({ url = "", method, headers }: IncomingMessage): Refusal | undefined {
  if (url.split("?", 1)[0] !== PATH) return [404, "not found"];
  if (headers.origin !== undefined && !LOOPBACK.includes(hostName(headers.origin))) return [403, "unknown origin"];
  if (method !== "POST") return [405, "only POST", { allow: "POST" }];
  return undefined;
}

function bearerOf(header: string | undefined): string {
  return /^Bearer +(\S+)$/iu.exec(header ?? "")?.[1] ?? "";
}

function isSame(given: string, token: string): boolean {
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function hostName(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : "";
}

type Body =
  | { readonly outcome: "read"; readonly value: unknown }
  | { readonly outcome: "too-large" }
  | { readonly outcome: "no-json" };

/** Read here, because the SDK would read without bound. */
async function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) return { outcome: "too-large" };
      chunks.push(chunk);
    }
    return { outcome: "read", value: JSON.parse(Buffer.concat(chunks).toString("utf8")) };
  } catch {
    return { outcome: "no-json" };
  }
}

function refuse(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close", ...headers });
  response.end(`${text}\n`);
}

function listen(server: Server, { host, port }: HttpOffer): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      reject(new PermanentFailure("LISTEN_FAILED", `${host}:${port} cannot be listened on: ${error.message}`));
    });
    server.listen(port, host, resolve);
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
