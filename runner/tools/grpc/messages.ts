// The messages of a gRPC method as its manifest's protocol buffers describe them: arguments in, a result out, by their mapping
// to JSON. Nothing is imported but Google's well-known types.
import protobuf from "protobufjs";
import { PermanentFailure } from "../../../contracts/failure.ts";
import { messageProblem } from "./json-fields.ts";

export interface GrpcMethod {
  /** `/package.Service/Method` */
  readonly path: string;
  /** Throws TOOL_ARGUMENTS_INVALID, which the model reads. */
  encode(args: Readonly<Record<string, unknown>>): Buffer;
  /** Throws where the bytes are no such message. */
  decode(bytes: Uint8Array): string;
}

/** Of a proto text: more describes no interface that a person has read. */
const MAX_PROTO_CHARACTERS = 262_144;

/** Throws PermanentFailure TOOL_INVALID. */
export function openMethod(label: string, proto: string, service: string, method: string): GrpcMethod {
  const found = findMethod(proto, service, method);
  if (typeof found === "string") throw new PermanentFailure("TOOL_INVALID", `${label}: ${found}`);
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

interface Found {
  readonly request: protobuf.Type;
  readonly response: protobuf.Type;
  readonly path: string;
}

function findMethod(proto: string, service: string, method: string): Found | string {
  if (proto.length > MAX_PROTO_CHARACTERS) return `\`grpc.proto\` has more than ${MAX_PROTO_CHARACTERS} characters`;
  try {
    const root = new protobuf.Root();
    const { imports = [], weakImports = [] } = protobuf.parse(proto, root, { keepCase: true });
    for (const name of [...imports, ...weakImports]) {
      const known = protobuf.common.get(name);
      if (known === null || known?.nested === undefined)
        return `\`grpc.proto\` imports \`${name}\`: write it into the text`;
      root.addJSON(known.nested);
    }
    root.resolveAll();
    return methodOf(root.lookupService(service), service, method);
  } catch (error) {
    // The parser and the look-up throw plain errors for whatever is wrong with the text.
    return `\`grpc.proto\`: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function methodOf(found: protobuf.Service, service: string, method: string): Found | string {
  const called = Object.hasOwn(found.methods, method) ? found.methods[method] : undefined;
  if (called === undefined) return `\`grpc.proto\`: ${service} has no method \`${method}\``;
  if (called.requestStream === true || called.responseStream === true) {
    return `\`grpc.proto\`: ${service}/${method} streams, and a tool is called once and answers once`;
  }
  called.resolve();
  const { resolvedRequestType: request, resolvedResponseType: response } = called;
  if (request === null || response === null) return `\`grpc.proto\`: the messages of ${method} are unknown`;
  return { request, response, path: `/${found.fullName.replace(/^\./, "")}/${called.name}` };
}
