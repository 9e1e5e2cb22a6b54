// Finds a method in the text of a `.proto`, and says what is wrong where it cannot be called: the same for whoever checks a
// manifest and whoever calls the tool. Nothing is imported but Google's well-known types.
import type protobuf from "protobufjs";
import { loadProtobuf } from "./library.ts";

export type MessageType = protobuf.Type;
export type MessageField = protobuf.Field;

/** Fields of a Tool's `grpc`. */
export interface ProtoMethod {
  readonly proto: string;
  /** With its package. */
  readonly service: string;
  readonly method: string;
}

export interface FoundMethod {
  readonly outcome: "found";
  readonly request: MessageType;
  readonly response: MessageType;
  /** `/package.Service/Method` */
  readonly path: string;
}

export interface BrokenProto {
  readonly outcome: "broken";
  /** The field that is wrong. */
  readonly field: keyof ProtoMethod;
  readonly why: string;
  /** In the text of `proto`, from 1; undefined: nobody can tell. */
  readonly line?: number;
  /** What the field could name instead. */
  readonly names?: readonly string[];
}

/** Of a proto text: more describes no interface that a person has read. */
const MAX_PROTO_CHARACTERS = 262_144;

export function findMethod(asked: ProtoMethod): FoundMethod | BrokenProto {
  const { proto, service, method } = asked;
  if (proto.length > MAX_PROTO_CHARACTERS)
    return broken("proto", `it has more than ${MAX_PROTO_CHARACTERS} characters`);
  const root = readRoot(proto);
  if ("outcome" in root) return root;
  const services = servicesOf(root);
  const found = services.get(service.replace(/^\./, ""));
  if (found === undefined)
    return { ...broken("service", `\`proto\` has no service \`${service}\``), names: [...services.keys()] };
  const called = Object.hasOwn(found.methods, method) ? found.methods[method] : undefined;
  if (called === undefined)
    return { ...broken("method", `${service} has no method \`${method}\``), names: Object.keys(found.methods) };
  if (called.requestStream === true || called.responseStream === true)
    return broken("method", `${service}/${method} streams, and a tool is called once and answers once`);
  const { resolvedRequestType: request, resolvedResponseType: response } = called;
  if (request === null || response === null) return broken("method", `the messages of ${method} are unknown`);
  return { outcome: "found", request, response, path: `/${found.fullName.replace(/^\./, "")}/${called.name}` };
}

/** With all that its parts name found. */
function readRoot(proto: string): protobuf.Root | BrokenProto {
  const library = loadProtobuf();
  try {
    const root = new library.Root();
    const { imports = [], weakImports = [] } = library.parse(proto, root, { keepCase: true });
    for (const name of [...imports, ...weakImports]) {
      const known = library.common.get(name);
      if (known === null || known?.nested === undefined)
        return broken("proto", `it imports \`${name}\`: write it into the text`);
      root.addJSON(known.nested);
    }
    root.resolveAll();
    return root;
  } catch (error) {
    return unreadable(error);
  }
}

/** By full name. */
function servicesOf(root: protobuf.Root): ReadonlyMap<string, protobuf.Service> {
  const services = new Map<string, protobuf.Service>();
  const look = (at: protobuf.NamespaceBase): void => {
    for (const nested of at.nestedArray) {
      if (isService(nested)) services.set(nested.fullName.replace(/^\./, ""), nested);
      else if ("nestedArray" in nested) look(nested as protobuf.NamespaceBase);
    }
  };
  look(root);
  return services;
}

function isService(object: protobuf.ReflectionObject): object is protobuf.Service {
  return "methods" in object;
}

/** The library throws plain errors for whatever is wrong with a text, and tells the line in their last words alone. */
function unreadable(error: unknown): BrokenProto {
  const said = error instanceof Error ? error.message : String(error);
  const [words, line] = /^(.*) \(line (\d+)\)$/su.exec(said)?.slice(1) ?? [said];
  return { ...broken("proto", words ?? said), ...(line === undefined ? {} : { line: Number(line) }) };
}

function broken(field: keyof ProtoMethod, why: string): BrokenProto {
  return { outcome: "broken", field, why };
}
