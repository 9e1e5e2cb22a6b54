// Listens for GitHub's webhooks of pushes, pull requests and comments, for TaskWebhooks, and for answers of tools. A good one of
// GitHub's says "look again" and nothing more: what changed is read from the configured repository. Only who pressed a button
// of a check is taken from it. One that is missed costs a poll interval; a click that cannot be kept is
// answered with 503, so that GitHub shows it and sends it again.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import type { Click } from "../../store/page-clicks.ts";
import { readDelivery, SeenDeliveries } from "./delivery.ts";
import type { HookAnswer } from "./hooks/answer-hook.ts";
import { type BodyLimits, readBody } from "./read-body.ts";
import { isSignedBy } from "./webhook-signature.ts";

type AnswerPost = (path: string, request: IncomingMessage) => Promise<HookAnswer>;

export interface ListenerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /**
   * None of them empty: the new one and, during a rotation, the old one. Without any, GitHub is not heard, and somebody
   * else has to be.
   */
  readonly secrets: readonly string[];
  /** Called with `owner/name`; unknown repositories are the callee's to ignore. */
  readonly onLook: (repository: string) => void;
  /** The same for a comment that may be a command. */
  readonly onCommand?: (repository: string) => void;
  /** Somebody pressed a button of a check there. Where it rejects, GitHub is told that the delivery failed. */
  readonly onClick?: (repository: string, click: Click) => Promise<void>;
  readonly body?: BodyLimits;
  /** Answers what comes to `/hooks/`; its first argument is the path behind that. */
  readonly onHook?: AnswerPost;
  /** The same of `/callbacks/`. */
  readonly onCallback?: AnswerPost;
}

export interface Listener {
  readonly url: string;
  stop(): Promise<void>;
}

/** GitHub sends up to 25 MB; a payload that says who pushed where has a few KB, and a missed one is found by the poll. */
const BODY: BodyLimits = { maxBytes: 4 * 1024 * 1024, maxMs: 10_000 };
const HEADERS_MS = 5_000;
const CONNECTIONS = 200;
const SEEN_DELIVERIES = 10_000;
const WEBHOOK = "/webhook";
const HEALTH = "/healthz";
const HOOKS = "/hooks/";
const CALLBACKS = "/callbacks/";

/** Throws PermanentFailure WEBHOOK_SECRET_MISSING or LISTEN_FAILED. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  refuseMissingSecret(options);
  const desk: Desk = { ...options, body: options.body ?? BODY, seen: new SeenDeliveries(SEEN_DELIVERIES) };
  const server = createServer(
    { headersTimeout: HEADERS_MS, connectionsCheckingInterval: 1_000 },
    (request, response) => {
      void answer(desk, request, response);
    },
  );
  server.requestTimeout = desk.body.maxMs + HEADERS_MS;
  server.maxConnections = CONNECTIONS;
  await listen(server, options);
  return { url: urlOf(server), stop: () => stop(server) };
}

function refuseMissingSecret({ secrets, onHook }: ListenerOptions): void {
  if ((secrets.length > 0 || onHook !== undefined) && !secrets.includes("")) return;
  throw new PermanentFailure(
    "WEBHOOK_SECRET_MISSING",
    "Listening for webhooks needs the secret that GitHub signs them with, in COUNTWHEEL_WEBHOOK_SECRET; two during a " +
      "rotation, separated by a comma. An empty one would let everybody in",
  );
}

function listen(server: Server, { host, port }: ListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      reject(new PermanentFailure("LISTEN_FAILED", `${host}:${port} cannot be listened on: ${error.message}`));
    });
    server.listen(port, host, resolve);
  });
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

interface Desk extends ListenerOptions {
  readonly body: BodyLimits;
  readonly seen: SeenDeliveries;
}

async function answer(desk: Desk, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? "").split("?", 1)[0] ?? "";
  if (path.startsWith(HOOKS)) return answerPost(desk.onHook, path.slice(HOOKS.length), request, response);
  if (path.startsWith(CALLBACKS)) return answerPost(desk.onCallback, path.slice(CALLBACKS.length), request, response);
  if (path === HEALTH) return answerHealth(request, response);
  if (path !== WEBHOOK || desk.secrets.length === 0) return refuse(response, 404, "not found");
  if (request.method !== "POST") return refuse(response, 405, "only POST", { allow: "POST" });
  if (!isPlainJson(request)) return refuse(response, 415, "send application/json, uncompressed");
  const body = await readBody(request, desk.body);
  switch (body.outcome) {
    case "too-large":
      return refuse(response, 413, "too large");
    case "too-slow":
      return refuse(response, 408, "too slow");
    case "cut":
      response.destroy();
      return;
    case "read":
      return await takeDelivery(desk, request, response, body.bytes);
  }
}

async function answerPost(
  answerTo: AnswerPost | undefined,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (answerTo === undefined) return refuse(response, 404, "not found");
  if (request.method !== "POST") return refuse(response, 405, "only POST", { allow: "POST" });
  const { status, body, cut } = await answerTo(path, request);
  if (cut === true) response.destroy();
  else finish(response, status, { "content-type": "application/json" }, JSON.stringify(body));
}

async function takeDelivery(
  desk: Desk,
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
): Promise<void> {
  if (!isSignedBy(desk.secrets, bytes, headerOf(request, "x-hub-signature-256")))
    return refuse(response, 401, "the signature is missing or wrong");
  const id = headerOf(request, "x-github-delivery") ?? "";
  const delivery = readDelivery(headerOf(request, "x-github-event") ?? "", bytes);
  if (delivery.kind === "malformed" || !/^[\w-]{1,100}$/.test(id)) return refuse(response, 400, "no webhook of GitHub");
  if (delivery.kind !== "other" && desk.seen.take(id)) {
    if (delivery.kind === "look") desk.onLook(delivery.repository);
    else if (delivery.kind === "click") return takeClick(desk, response, id, delivery);
    else desk.onCommand?.(delivery.repository);
  }
  respond(response, 202, "accepted");
}

/** Nobody but this delivery tells of it: where it could not be kept, the same delivery counts when it comes again. */
async function takeClick(
  { onClick, seen }: Desk,
  response: ServerResponse,
  id: string,
  { repository, click }: { readonly repository: string; readonly click: Click },
): Promise<void> {
  try {
    await onClick?.(repository, click);
  } catch (error) {
    if (!(error instanceof TransientFailure || error instanceof PermanentFailure)) throw error;
    seen.forget(id);
    return refuse(response, 503, "it could not be kept: deliver it again", { "retry-after": "60" });
  }
  respond(response, 202, "accepted");
}

function answerHealth(request: IncomingMessage, response: ServerResponse): void {
  if (request.method === "GET" || request.method === "HEAD") respond(response, 200, "ok");
  else refuse(response, 405, "only GET", { allow: "GET, HEAD" });
}

/** A compressed body would have to be inflated before its signature is known. */
function isPlainJson(request: IncomingMessage): boolean {
  const type = (request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase();
  return type === "application/json" && (request.headers["content-encoding"] ?? "identity") === "identity";
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

function respond(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${text}\n`);
}

/** How long a sender may go on with a body that nobody reads, so that it gets to see the answer. */
const LINGER_MS = 1_000;

function refuse(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  finish(response, status, { "content-type": "text/plain; charset=utf-8", ...headers }, text);
}

function finish(response: ServerResponse, status: number, headers: Record<string, string>, text: string): void {
  const { req: request } = response;
  response.writeHead(status, headers).end(`${text}\n`);
  if (request.complete) return;
  setTimeout(() => {
    if (!request.complete) request.socket.destroy();
  }, LINGER_MS).unref();
}
