// The messages of a gRPC method as its manifest's protocol buffers describe them: arguments in, a result out, by their mapping
// to JSON.
import { PermanentFailure } from "../../../contracts/failure.ts";
import { findMethod } from "../../../contracts/proto/find-method.ts";
import { messageProblem } from "./json-fields.ts";

export interface GrpcMethod {
  /** `/package.Service/Method` */
  readonly path: string;
  /** Throws TOOL_ARGUMENTS_INVALID, which the model reads. */
  encode(args: Readonly<Record<string, unknown>>): Buffer;
  /** Throws where the bytes are no such message. */
  decode(bytes: Uint8Array): string;
}

/** Throws PermanentFailure TOOL_INVALID. */
export function openMethod(label: string, proto: string, service: string, method: string): GrpcMethod {
  const found = findMethod({ proto, service, method });
  if (found.outcome === "broken") {
    const line = found.line === undefined ? "" : ` (line ${found.line})`;
    throw new PermanentFailure("TOOL_INVALID", `${label}: \`grpc.${found.field}\`: ${found.why}${line}`);
  }
  const { request, response, path } = found;
  return {
    path,
    encode(args) {
      const problem = messageProblem(request, args);
      if (problem !== undefined) throw new PermanentFailure("TOOL_ARGUMENTS_INVALID", `${label}: ${problem}`);
      return Buffer.from(request.encode(request.fromObject(args)).finish());
    },
    decode: (bytes) => JSON.stringify(response.toObject(response.decode(bytes), AS_JSON)),
  };
}

const AS_JSON = { longs: String, enums: String, bytes: String, json: true } as const;
