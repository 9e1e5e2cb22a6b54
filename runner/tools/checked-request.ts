// One HTTP request to a host that a manifest names, with the address checked at connect time and no redirect elsewhere.
import { type LookupAddress, lookup as systemLookup } from "node:dns";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { callbackify } from "node:util";
import { PermanentFailure, TransientFailure, withoutEffect } from "../../contracts/failure.ts";
import { mayConnect } from "./addresses.ts";

export interface OutboundRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal: AbortSignal;
  /** Called once there is a connection, before anything is sent; what it throws ends the request. */
  readonly onConnected?: () => void;
}

export interface Outbound {
  /** Whether a host name may lead to this machine or to a private network. */
  readonly allowPrivate: boolean;
  readonly resolve: (host: string) => Promise<readonly LookupAddress[]>;
}

/** The operating system's resolver. */
export function resolveHost(host: string): Promise<readonly LookupAddress[]> {
  return new Promise((resolve, reject) => {
    systemLookup(host, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });
}

const MAX_REDIRECTS = 3;

/**
 * The response, its body not read yet. Follows 307 and 308 within the origin, which keep method and body; any other
 * redirect is a PermanentFailure, because the target is not what the manifest names. An abort throws the signal's reason.
 * A TransientFailure that comes before there is a connection says that nothing was sent (`withoutEffect`).
 */
export async function sendChecked(request: OutboundRequest, outbound: Outbound): Promise<IncomingMessage> {
  let { url } = request;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
    const response = await sendOnce({ ...request, url }, outbound);
    const target = redirectTarget(response, url);
    if (target === undefined) return response;
    response.destroy();
    const kept = response.statusCode === 307 || response.statusCode === 308;
    if (!kept || target.origin !== url.origin) {
      const to = `${target.origin}${target.pathname}`;
      throw new PermanentFailure(
        "REDIRECT_REFUSED",
        `${url.origin} redirects (${response.statusCode}) to ${to}; name that endpoint in the manifest if it is meant`,
      );
    }
    url = target;
  }
  throw new PermanentFailure("REDIRECT_REFUSED", `${url.origin} redirects more than ${MAX_REDIRECTS} times`);
}

function redirectTarget(response: IncomingMessage, base: URL): URL | undefined {
  const { statusCode = 0, headers } = response;
  if (statusCode < 300 || statusCode > 399 || headers.location === undefined) return undefined;
  return URL.canParse(headers.location, base.href) ? new URL(headers.location, base) : undefined;
}

/** As {@link sendChecked}, and a redirect is an answer like any other. */
function sendOnce(request: OutboundRequest, outbound: Outbound): Promise<IncomingMessage> {
  const { url, method, headers, body, signal, onConnected } = request;
  const host = hostOf(url);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return Promise.reject(
      new PermanentFailure(
        "ENDPOINT_INVALID",
        `an endpoint cannot be \`${url.protocol}\`: only http and https can be called`,
      ),
    );
  }
  // For a literal address Node asks no resolver, so the hook below would not see it.
  if (isIP(host) !== 0 && !mayConnect(host, host, outbound.allowPrivate))
    return Promise.reject(addressRefused(host, host));
  return new Promise((resolve, reject) => {
    const [send, ready] = url.protocol === "https:" ? [requestHttps, "secureConnect"] : [requestHttp, "connect"];
    let connected = false;
    const connect = (): void => {
      try {
        onConnected?.();
        connected = true;
      } catch (error) {
        sent.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    };
    // No shared agent: a kept connection would have been checked by somebody else.
    const sent = send(url, { method, headers, agent: false, signal, lookup: checkedLookup(outbound) }, resolve);
    sent.once("socket", (socket) => socket.once(ready, connect));
    sent.once("error", (cause) => reject(signal.aborted ? signal.reason : unreachable(url, cause, connected)));
    sent.end(body);
  });
}

/** Without the brackets of an IPv6 address. */
export function hostOf({ hostname }: URL): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

/** For a connection: judges where a name leads before it is made. */
export function checkedLookup(outbound: Outbound): LookupFunction {
  const find = callbackify((host: string) => judgedAddresses(host, outbound));
  return (host, options, done) => {
    find(host, (error, addresses) => {
      const [first] = addresses ?? [];
      if (first === undefined) done(error, "");
      else if (options.all === true) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
}

/** Never empty. One bad address among good ones is a trap, not a choice: the whole name is refused. */
export async function judgedAddresses(host: string, { resolve, allowPrivate }: Outbound): Promise<LookupAddress[]> {
  const addresses = await resolve(host);
  const bad = addresses.find(({ address }) => !mayConnect(host, address, allowPrivate));
  if (bad !== undefined) throw addressRefused(host, bad.address);
  if (addresses.length === 0) throw new TransientFailure("HOST_UNREACHABLE", `\`${host}\` has no address`);
  return [...addresses];
}

export function addressRefused(host: string, address: string): PermanentFailure {
  const leads = host === address ? `\`${host}\`` : `\`${host}\` leads to ${address}, which`;
  return new PermanentFailure(
    "ADDRESS_REFUSED",
    `${leads} is a private, link-local or metadata address; a manifest may name a private address itself, but no name that leads to one`,
    { details: { host, address } },
  );
}

function unreachable(url: URL, cause: Error, connected: boolean): Error {
  const failure = translate(url, cause);
  return connected ? failure : withoutEffect(failure);
}

function translate(url: URL, cause: Error): Error {
  if (cause instanceof PermanentFailure || cause instanceof TransientFailure) return cause;
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : cause.name;
  return new TransientFailure("HOST_UNREACHABLE", `${url.origin}: ${code}`, { cause });
}

/** Reads at most `limitBytes`; `complete` is false where there was more. An abort throws the signal's reason. */
export async function readBounded(
  response: IncomingMessage,
  limitBytes: number,
  signal: AbortSignal,
): Promise<{ readonly bytes: Buffer; readonly complete: boolean }> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      parts.push(part);
      length += part.length;
      if (length > limitBytes) return { bytes: Buffer.concat(parts).subarray(0, limitBytes), complete: false };
    }
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw new TransientFailure("ANSWER_CUT", "the answer broke off before its end", { cause });
  }
  return { bytes: Buffer.concat(parts), complete: true };
}
