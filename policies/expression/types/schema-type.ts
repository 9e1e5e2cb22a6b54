// The type of a value that a JSON Schema describes. Where a schema is too much to tell, it is of any JSON value: what is
// refused by its type could not be meant, but not all that is accepted must hold.
import { JSON_VALUE, listOf, MAX_VALUES, mapOf, type ObjectShape, type Scalar, type Type, unionOf } from "./type.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Of one value: schemas that alternatives and references lead to, before what is inside. */
const MAX_SCHEMAS = 64;

export function typeOfSchema(schema: unknown): Type {
  return inner(schema, { root: schema, names: new Map() });
}

interface Source {
  readonly root: unknown;
  /** Of objects with fields, as far as somebody asked: listing them takes long where they are many. */
  readonly names: Map<Schema, readonly string[]>;
}

interface Reading extends Source {
  left: number;
}

function inner(schema: unknown, { root, names }: Source): Type {
  return readType(schema, { root, names, left: MAX_SCHEMAS });
}

function readType(schema: unknown, reading: Reading): Type {
  reading.left -= 1;
  if (!isSchema(schema) || reading.left < 0) return JSON_VALUE;
  const type = readShape(schema, reading);
  return schema["nullable"] === true ? unionOf([type, [{ kind: "null" }]]) : type;
}

/** Of words that must all hold, one is enough to tell what a value may be at most. */
function readShape(schema: Schema, reading: Reading): Type {
  const values = schema["const"] === undefined ? schema["enum"] : [schema["const"]];
  if (Array.isArray(values)) return typeOfValues(values);
  const types = [schema["type"] ?? []].flat();
  if (types.length > MAX_SCHEMAS) return JSON_VALUE;
  if (types.length > 0) return unionOf(types.map((type) => typeNamed(type, schema, reading)));
  if (schema["properties"] !== undefined) return [objectOf(schema, reading)];
  return readElsewhere(schema, reading);
}

const COMBINING = ["$ref", "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "patternProperties"];

/** Where several words say together which fields there are, nobody adds them up here. */
function readElsewhere(schema: Schema, reading: Reading): Type {
  const [word, ...more] = COMBINING.filter((name) => schema[name] !== undefined);
  if (word === undefined || more.length > 0) return JSON_VALUE;
  if (word === "$ref") return readReference(schema["$ref"], reading);
  const alternatives = schema[word];
  if (!["anyOf", "oneOf"].includes(word) || !Array.isArray(alternatives)) return JSON_VALUE;
  return unionOf(alternatives.slice(0, MAX_SCHEMAS + 1).map((one) => readType(one, reading)));
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Within the schema: RFC 6901 pointers. What else a `$ref` may name, nobody reads here. */
function readReference(ref: unknown, reading: Reading): Type {
  if (typeof ref !== "string" || !/^#(\/|$)/.test(ref)) return JSON_VALUE;
  const segments = ref === "#" ? [] : ref.slice(2).split("/");
  let at: unknown = reading.root;
  for (const segment of segments) {
    const name = segment.replace(/~1/g, "/").replace(/~0/g, "~");
    if (!isSchema(at) || !Object.hasOwn(at, name)) return JSON_VALUE;
    at = at[name];
  }
  return readType(at, reading);
}

function typeNamed(type: unknown, schema: Schema, source: Source): Type {
  switch (type) {
    case "string":
    case "null":
      return [{ kind: type }];
    case "boolean":
      return [{ kind: "bool" }];
    case "number":
    case "integer":
      return [{ kind: "double" }];
    case "array":
      return [listOf(() => (schema["prefixItems"] === undefined ? inner(schema["items"], source) : JSON_VALUE))];
    case "object":
      return [objectOf(schema, source)];
    default:
      return JSON_VALUE;
  }
}

/**
 * A schema that lists its properties, and does not say in so many words that there may be others, means these: a field that
 * it does not list is far more often a slip than an argument that the tool takes without telling.
 */
function objectOf(schema: Schema, source: Source): ObjectShape {
  const { properties, additionalProperties: others } = schema;
  if (!isSchema(properties)) return mapOf(() => (isSchema(others) ? inner(others, source) : JSON_VALUE));
  return {
    kind: "map",
    names: () => namesOf(properties, source),
    field: (name) => {
      if (Object.hasOwn(properties, name)) return inner(properties[name], source);
      const isOpen = (others !== undefined && others !== false) || mayHaveMore(schema);
      return isOpen ? JSON_VALUE : undefined;
    },
  };
}

/** As many as are looked at for a near match. */
function namesOf(properties: Schema, { names }: Source): readonly string[] {
  const known = names.get(properties) ?? Object.keys(properties).slice(0, MAX_VALUES);
  names.set(properties, known);
  return known;
}

const BRANCHES = ["allOf", "anyOf", "oneOf"];
const ELSEWHERE = ["patternProperties", "$ref", "if", "then", "else", "dependentSchemas"];
/** What says nothing of further fields. */
const NARROWING = ["required", "not", "minProperties", "maxProperties", "title", "description"];

function mayHaveMore(schema: Schema): boolean {
  if (ELSEWHERE.some((word) => schema[word] !== undefined)) return true;
  return BRANCHES.flatMap((word) => schema[word] ?? []).some(
    (branch) => !isSchema(branch) || !Object.keys(branch).every((word) => NARROWING.includes(word)),
  );
}

function typeOfValues(values: readonly unknown[]): Type {
  if (values.length > MAX_VALUES) return JSON_VALUE;
  if (values.some((value) => typeof value === "object" && value !== null)) return JSON_VALUE;
  const kinds: readonly (readonly [Scalar["kind"], string])[] = [
    ["string", "string"],
    ["double", "number"],
    ["bool", "boolean"],
    ["null", "object"],
  ];
  return kinds.flatMap(([kind, typeName]) => {
    const ofKind = values.filter((value) => typeof value === typeName);
    return ofKind.length === 0 ? [] : [{ kind, values: ofKind }];
  });
}
