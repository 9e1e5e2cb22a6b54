// The `fetch` of a provider's SDK: connects to where the manifest says and a reviewer saw, keeps its connections for the
// next call of the same endpoint, follows no redirect.
import { isIP } from "node:net";
import { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { mayConnect } from "../tools/addresses.ts";
import { addressRefused, checkedLookup, hostOf, type Outbound } from "../tools/checked-request.ts";
import type { ModelEndpoint } from "./endpoint.ts";

/** Where models may be reached. */
export interface ModelNetwork {
  /** Hosts that may lead to private addresses, whatever manifests say. */
  readonly privateHosts: readonly string[];
  readonly resolve: Outbound["resolve"];
}

export type Fetch = typeof globalThis.fetch;

/** Providers close what nobody uses soon after: nothing is sent into a connection that is about to be closed. */
const IDLE_MS = 4_000;

/** Ollama stands in one's own network by its nature. */
export async function checkedFetch(endpoint: ModelEndpoint, { privateHosts, resolve }: ModelNetwork): Promise<Fetch> {
  const { spec } = endpoint;
  const { Agent, request: send } = await import("undici");
  const isInside = spec.allow_private === true || spec.provider === "ollama";
  const allowsPrivate = (host: string): boolean => isInside || privateHosts.includes(host);
  // Of this endpoint alone: whoever else has a connection had it checked by other rules. How long a call may take is
  // for its caller to say, who tells it by the signal.
  const dispatcher = new Agent({
    keepAliveTimeout: IDLE_MS,
    keepAliveMaxTimeout: IDLE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: {
      timeout: 0,
      lookup: (host, options, done) =>
        checkedLookup({ allowPrivate: allowsPrivate(host), resolve })(host, options, done),
    },
  });
  let judged = "";
  return async (target, init = {}) => {
    const url = new URL(target instanceof Request ? target.url : target);
    const host = hostOf(url);
    // For a literal address nobody is asked where it leads.
    if (host !== judged && isIP(host) !== 0 && !mayConnect(host, host, allowsPrivate(host)))
      throw addressRefused(host, host);
    judged = host;
    const response = await send(url, {
      dispatcher,
      method: init.method ?? "GET",
      headers: init.headers instanceof Headers ? init.headers : new Headers(init.headers),
      body: typeof init.body === "string" ? init.body : null,
      signal: init.signal ?? null,
    });
    // Whoever reads it is told by its end; an abort that comes when nobody reads is no failure of its own.
    response.body.on("error", () => undefined);
    if (response.statusCode >= 300 && response.statusCode < 400) throw redirected(url, response);
    return answerOf(response);
  };
}

type Answer = Dispatcher.ResponseData;

/** Of an answer that does not come in parts: to read it through streams takes longer than to send it. */
const SHORT_BYTES = 1_048_576;

async function answerOf({ statusCode: status, headers, body }: Answer): Promise<Response> {
  const init = { status, headers: webHeaders(headers) };
  const isShort = Number(headers["content-length"] ?? Number.NaN) <= SHORT_BYTES;
  if (isShort) return readAnswer(await body.text().catch(brokeOff), init);
  // The DOM's and Node's stream types differ in name only.
  return new Response(Readable.toWeb(Readable.from(whole(body))) as ReadableStream<Uint8Array>, init);
}

/** A Response of which the text is there already: it would make streams of it, and read it from them again. */
function readAnswer(text: string, init: ResponseInit): Response {
  return Object.defineProperties(new Response(null, init), {
    text: { value: async () => text },
    json: { value: async () => JSON.parse(text) },
    // What is asked for in parts may come in one piece.
    body: { get: () => new Response(text).body },
  });
}

function webHeaders(headers: Answer["headers"]): Headers {
  const found = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) found.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  return found;
}

/** A key never leaves for another address. */
function redirected({ origin }: URL, { statusCode, body }: Answer): TypeError {
  body.destroy();
  return new TypeError(`${origin} redirects (${statusCode}), which is not followed`);
}

/** As `fetch` says that an answer broke off. */
function brokeOff(cause: unknown): never {
  throw new TypeError("the answer broke off", { cause });
}

async function* whole(body: Readable): AsyncGenerator<Buffer> {
  try {
    yield* body as AsyncIterable<Buffer>;
  } catch (cause) {
    brokeOff(cause);
  }
}
