// An answer of Node's HTTP client as SDKs read answers: the Response of `fetch`.
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";

/** `body`: what is read of the answer, where it is not all of it as it comes. */
export function webResponse(response: IncomingMessage, body: Readable = response): Response {
  const { statusCode = 200 } = response;
  const headers = new Headers();
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  if (statusCode === 204 || statusCode === 304) {
    response.resume();
    return new Response(null, { status: statusCode, headers });
  }
  // The DOM's and Node's stream types differ in name only.
  return new Response(Readable.toWeb(body) as ReadableStream<Uint8Array>, { status: statusCode, headers });
}
