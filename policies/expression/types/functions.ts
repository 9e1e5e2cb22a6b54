// What the functions of CEL take and answer, read from the engine's own definitions of them.
import type { Environment } from "@marcbachmann/cel-js";
import { listOf, mapOf, type Shape, type Type } from "./type.ts";

export interface Signature {
  /** null: a function, no method. */
  readonly receiver: Type | null;
  readonly parameters: readonly Type[];
  readonly result: Type;
}

export type Signatures = ReadonlyMap<string, readonly Signature[]>;

export function readSignatures(environment: Environment): Signatures {
  const byName = new Map<string, Signature[]>();
  for (const { name, receiverType, returnType, params } of environment.getDefinitions().functions) {
    const receiver = receiverType === null ? null : typeNamed(receiverType);
    const signature = {
      receiver,
      parameters: params.map(({ type }) => typeNamed(type)),
      result: typeNamed(returnType),
    };
    byName.set(name, [...(byName.get(name) ?? []), signature]);
  }
  return byName;
}

function typeNamed(name: string): Type {
  const list = /^list<(.*)>$/.exec(name)?.[1];
  if (list !== undefined) return [listOf(() => typeNamed(list))];
  if (name.startsWith("map<")) return [mapOf(() => "anything")];
  switch (name) {
    case "string":
    case "double":
    case "int":
    case "bool":
    case "null":
      return [{ kind: name }];
    case "uint":
      return [{ kind: "int" }];
    case "bytes":
    case "type":
    case "google.protobuf.Timestamp":
    case "google.protobuf.Duration":
      return [{ kind: "other", name: name.replace("google.protobuf.", "").toLowerCase() }];
    default:
      return "anything";
  }
}

/** The answers of those signatures that may take these values; none: nothing takes them. */
export function answersOf(signatures: readonly Signature[], receiver: Type | null, args: readonly Type[]): Type[] {
  return signatures
    .filter((one) => (one.receiver === null) === (receiver === null) && one.parameters.length === args.length)
    .filter((one) => one.receiver === null || receiver === null || mayBe(receiver, one.receiver))
    .filter(({ parameters }) => parameters.every((wanted, index) => mayBe(args[index] ?? "anything", wanted)))
    .map(({ result }) => result);
}

function mayBe(type: Type, wanted: Type): boolean {
  if (type === "anything" || wanted === "anything") return true;
  return type.some((shape) => wanted.some((other) => isLike(shape, other)));
}

function isLike(shape: Shape, other: Shape): boolean {
  if (shape.kind !== other.kind) return false;
  return shape.kind !== "other" || other.kind !== "other" || shape.name === other.name;
}
