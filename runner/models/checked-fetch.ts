// The `fetch` of a provider's SDK: connects to where the manifest says and a reviewer saw, keeps its connections for the
// next call of the same endpoint, follows no redirect.
import { Agent as HttpAgent, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { Readable } from "node:stream";
import { TransientFailure } from "../../contracts/failure.ts";
import { type Outbound, sendOnce } from "../tools/checked-request.ts";
import { webResponse } from "../tools/web-response.ts";
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
export function checkedFetch({ spec }: ModelEndpoint, { privateHosts, resolve }: ModelNetwork): Fetch {
  const isInside = spec.allow_private === true || spec.provider === "ollama";
  // Of this endpoint alone: whoever else has a connection had it checked by other rules.
  const keeping = { keepAlive: true, timeout: IDLE_MS } as const;
  const agents = { "http:": new HttpAgent(keeping), "https:": new HttpsAgent(keeping) };
  return async (target, init = {}) => {
    const url = new URL(target instanceof Request ? target.url : target);
    const outbound = { allowPrivate: isInside || privateHosts.includes(url.hostname), resolve };
    const request = {
      method: init.method ?? "GET",
      url,
      headers: Object.fromEntries(new Headers(init.headers)),
      ...(typeof init.body === "string" ? { body: init.body } : {}),
      signal: init.signal ?? new AbortController().signal,
      agent: url.protocol === "https:" ? agents["https:"] : agents["http:"],
    };
    const response = await sendOnce(request, outbound).catch(withoutOurWord);
    if ((response.statusCode ?? 0) >= 300 && (response.statusCode ?? 0) < 400) throw redirected(url, response);
    return webResponse(response, isShort(response) ? await inOnePiece(response) : Readable.from(whole(response)));
  };
}

/** Of an answer that does not come in parts: to read it through two kinds of streams takes longer than to send it. */
const SHORT_BYTES = 1_048_576;

function isShort({ headers }: IncomingMessage): boolean {
  return Number(headers["content-length"] ?? Number.NaN) <= SHORT_BYTES;
}

/** One that broke off says so when it is read, as a longer one does. */
function inOnePiece(response: IncomingMessage): Promise<Buffer | Readable> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    response.on("data", (part: Buffer) => parts.push(part));
    response.once("end", () => resolve(Buffer.concat(parts)));
    response.once("error", () => resolve(Readable.from(whole(response))));
  });
}

/** What the connection itself said: adapters have their own words for it, and look for where it broke. */
function withoutOurWord(error: unknown): never {
  throw error instanceof TransientFailure && error.cause !== undefined ? error.cause : error;
}

/** A key never leaves for another address. */
function redirected({ origin }: URL, response: IncomingMessage): TypeError {
  response.destroy();
  return new TypeError(`${origin} redirects (${response.statusCode}), which is not followed`);
}

/** As `fetch` says that an answer broke off. */
async function* whole(response: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* response as AsyncIterable<Buffer>;
  } catch (cause) {
    throw new TypeError("the answer broke off", { cause });
  }
}
