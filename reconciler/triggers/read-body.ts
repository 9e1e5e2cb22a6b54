// Reads the body of a request as raw bytes: no more than so many, and no longer than so long.
import type { IncomingMessage } from "node:http";

export type Body =
  | { readonly outcome: "read"; readonly bytes: Buffer }
  | { readonly outcome: "too-large" }
  | { readonly outcome: "too-slow" }
  /** The sender went away. */
  | { readonly outcome: "cut" };

export interface BodyLimits {
  readonly maxBytes: number;
  readonly maxMs: number;
}

/** After anything but `read` the rest of the request is not read: the connection has to be closed. */
export function readBody(request: IncomingMessage, { maxBytes, maxMs }: BodyLimits): Promise<Body> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return Promise.resolve({ outcome: "too-large" });
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const end = (body: Body): void => {
      clearTimeout(timer);
      request.removeAllListeners("data");
      request.pause();
      resolve(body);
    };
    const timer = setTimeout(() => end({ outcome: "too-slow" }), maxMs);
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) end({ outcome: "too-large" });
      else chunks.push(chunk);
    });
    request.once("end", () => end({ outcome: "read", bytes: Buffer.concat(chunks) }));
    request.once("error", () => end({ outcome: "cut" }));
    request.once("close", () => end({ outcome: "cut" }));
  });
}
