// The JSON Schema (draft-07) that kinds are written in: the subset that we use, and our own `x-` annotations.
// The annotations are for the loader; `schema` takes them out before it prints.
import type { FromSchema, JSONSchema } from "json-schema-to-ts";

/** The type of a spec. A field with a default stays optional: canonical manifests do not fill defaults in. */
export type SpecFrom<S extends JSONSchema> = FromSchema<S, { keepDefaultedPropertiesOptional: true }>;

export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  /** One line for people; `explain` and editors show it. */
  readonly description?: string;
  /** Shown, never filled in: see contracts/manifest.ts. */
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  /** A schema: a map with keys of the author's. Absent and no `properties`: any value, kept as it is. */
  readonly additionalProperties?: boolean | Schema;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  /** Other spelling → the field that it means: `next` of an edge means `to`. */
  readonly "x-alias"?: Readonly<Record<string, string>>;
  /** The field that a bare text in place of this object means: the edge `- writer` means `{to: writer}`. */
  readonly "x-shorthand"?: string;
  /** Field → what to write instead. Orloj refuses these too. */
  readonly "x-removed"?: Readonly<Record<string, string>>;
  /** Field of Orloj → what its absence means here. Said as a warning, because a silent gap may be a missing guard. */
  readonly "x-ignored"?: Readonly<Record<string, string>>;
  /** Orloj never checks this value: one that does not fit is a warning and left out, in `orloj.dev/v1`. */
  readonly "x-unchecked"?: true;
  /** Unknown fields are errors also in `orloj.dev/v1`: the object is ours, and a guard that is misspelt must not pass. */
  readonly "x-strict"?: true;
  /** What may stand before a word of `enum`: `memory.` in `memory.read`. */
  readonly "x-prefix"?: string;
}
