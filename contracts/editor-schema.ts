// JSON Schemas of whole manifests (draft-07), for editors and for `schema`. Made from the kinds' own schemas: strict for
// `countwheel.dev/v1`; for `orloj.dev/v1` as forgiving as the loader, so that an editor never marks what loads.
import { KIND_NAMES, type KindName, NAME_PATTERN } from "./address.ts";
import { KINDS } from "./kinds.ts";
import type { Schema } from "./schema.ts";
import { camelSpellings, vocabularySpellings } from "./spellings.ts";

/** Any JSON Schema: what is printed has keywords that {@link Schema} does without. */
export type JsonSchema = { readonly [keyword: string]: unknown };

const DRAFT = "http://json-schema.org/draft-07/schema#";

export function kindSchema(kind: KindName): JsonSchema {
  return { $schema: DRAFT, title: kind, ...manifestOf(kind) };
}

/** One schema for a folder of manifests: `kind` decides which part of it holds. */
export function bundleSchema(): JsonSchema {
  return {
    $schema: DRAFT,
    title: "Countwheel manifests",
    description: "Manifests of orloj.dev/v1 and countwheel.dev/v1.",
    type: "object",
    required: ["kind"],
    properties: { kind: { enum: KIND_NAMES, description: "What the manifest declares." } },
    oneOf: KIND_NAMES.map((kind) => ({ $ref: `#/definitions/${kind}` })),
    definitions: Object.fromEntries(KIND_NAMES.map((kind) => [kind, { title: kind, ...manifestOf(kind) }])),
  };
}

function manifestOf(kind: KindName): JsonSchema {
  const { schema, description } = KINDS[kind];
  return {
    description,
    type: "object",
    required: ["kind", "metadata"],
    properties: {
      apiVersion: {
        enum: ["orloj.dev/v1", "countwheel.dev/v1"],
        default: "orloj.dev/v1",
        description: "Which vocabulary: Orloj's, read as Orloj reads it, or the same one checked strictly.",
      },
      kind: { const: kind, description },
      metadata: METADATA,
      spec: { type: ["object", "null"], description },
    },
    if: { required: ["apiVersion"], properties: { apiVersion: { const: "countwheel.dev/v1" } } },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: {
      additionalProperties: false,
      properties: { apiVersion: {}, kind: {}, metadata: {}, spec: strictSchema(schema) },
    },
    else: { properties: { spec: forgivingSchema(schema) } },
  };
}

const TEXT_VALUE = { type: ["string", "number", "boolean", "null"] };
const TEXTS_BY_KEY = { type: ["object", "null"], additionalProperties: TEXT_VALUE };

const METADATA: JsonSchema = {
  type: "object",
  required: ["name"],
  properties: {
    name: {
      type: ["string", "number"],
      pattern: NAME_PATTERN,
      description: "The name, unique for its kind in its namespace.",
    },
    namespace: { type: ["string", "null"], default: "default", description: "Names refer to the same namespace." },
    labels: { ...TEXTS_BY_KEY, description: "Words to find it by." },
    annotations: { ...TEXTS_BY_KEY, description: "Remarks for people and tools." },
  },
};

function strictSchema(schema: Schema): JsonSchema {
  const { properties, required, items, additionalProperties, ...rest } = plainKeywords(schema);
  return {
    ...rest,
    ...(properties === undefined ? {} : { properties: spelled(properties, strictSchema, vocabularySpellings) }),
    ...requireAny(required, vocabularySpellings),
    ...(items === undefined ? {} : { items: strictSchema(items) }),
    ...(additionalProperties === undefined ? {} : { additionalProperties: strictValues(additionalProperties) }),
  };
}

/** Numbers and booleans in a map of texts are taken as their text. */
function strictValues(values: boolean | Schema): unknown {
  if (typeof values === "boolean") return values;
  return values.type === "string" ? TEXT_VALUE : strictSchema(values);
}

function forgivingSchema(schema: Schema): JsonSchema {
  const {
    properties,
    required,
    items,
    additionalProperties,
    description,
    default: usual,
    examples,
  } = plainKeywords(schema);
  const aliases = schema["x-alias"] ?? {};
  const spellings = (name: string): readonly string[] => [
    ...camelSpellings(name),
    ...Object.keys(aliases).filter((alias) => aliases[alias] === name),
  ];
  return {
    ...forgivingType(schema),
    ...(description === undefined ? {} : { description }),
    ...(usual === undefined ? {} : { default: usual }),
    ...(examples === undefined ? {} : { examples }),
    ...(properties === undefined ? {} : { properties: spelled(properties, forgivingSchema, spellings) }),
    ...(schema["x-shorthand"] === undefined ? requireAny(required, spellings) : {}),
    ...(items === undefined ? {} : { items: forgivingSchema(items) }),
    ...(typeof additionalProperties === "object"
      ? { additionalProperties: forgivingSchema(additionalProperties) }
      : {}),
  };
}

function forgivingType(schema: Schema): JsonSchema {
  switch (schema.type) {
    case "string":
      return schema.enum === undefined ? TEXT_ITEM : { anyOf: [{ enum: schema.enum }, TEXT_ITEM] };
    case "integer":
    case "number":
      return { type: [schema.type, "string", "null"] };
    case "boolean":
      return { type: ["boolean", "string", "integer", "null"] };
    case "array":
      return { type: ["array", "string", "number", "boolean", "null"] };
    case "object":
      return { type: schema["x-shorthand"] === undefined ? ["object", "null"] : ["object", "string", "null"] };
    case undefined:
      return {};
  }
  return schema.type satisfies never;
}

/** `- EVIDENCE:` is a map to an editor, and text to the loader; so is a template without quotes. */
const TEXT_ITEM = { type: ["string", "number", "boolean", "object", "null"] };

function plainKeywords(schema: Schema): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => !keyword.startsWith("x-")));
}

type Spellings = (name: string) => readonly string[];

function spelled(
  properties: NonNullable<Schema["properties"]>,
  convert: (schema: Schema) => JsonSchema,
  spellings: Spellings,
): JsonSchema {
  const entries = Object.entries(properties).flatMap(([name, schema]) =>
    [name, ...spellings(name)].map((spelling) => [spelling, convert(schema)] as const),
  );
  return Object.fromEntries(entries);
}

/** A required field may be written in any of its spellings. */
function requireAny(required: readonly string[] | undefined, spellings: Spellings): JsonSchema {
  if (required === undefined) return {};
  const single = required.filter((name) => spellings(name).length === 0);
  const several = required.filter((name) => spellings(name).length > 0);
  return {
    ...(single.length === 0 ? {} : { required: single }),
    ...(several.length === 0 ? {} : { allOf: several.map((name) => oneSpelling([name, ...spellings(name)])) }),
  };
}

function oneSpelling(names: readonly string[]): JsonSchema {
  return { anyOf: names.map((name) => ({ required: [name] })) };
}
