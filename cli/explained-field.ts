// Walks from a kind to one of its fields by the path that people write: `spec.graph.writer.edges.to`.
import type { KindName } from "../contracts/address.ts";
import { KINDS } from "../contracts/kinds.ts";
import type { Schema } from "../contracts/schema.ts";
import { plainKey } from "../contracts/spellings.ts";

export interface FoundField {
  readonly outcome: "found";
  /** In canonical names, from the manifest's root; empty for the kind itself. */
  readonly path: string;
  readonly schema: Schema;
  readonly required: boolean;
}

export type FieldAnswer =
  | FoundField
  | { readonly outcome: "unknown"; readonly path: string; readonly step: string; readonly parent: Schema };

const TEXT_MAP: Schema = { type: "object", additionalProperties: { type: "string" } };

export function schemaOfManifest(kind: KindName): Schema {
  const { schema, description } = KINDS[kind];
  return {
    type: "object",
    description,
    required: ["kind", "metadata"],
    properties: {
      api_version: {
        type: "string",
        enum: ["orloj.dev/v1", "countwheel.dev/v1"],
        default: "orloj.dev/v1",
        description: "Which vocabulary: Orloj's, read as Orloj reads it, or the same one checked strictly.",
      },
      kind: { type: "string", description: "The kind, in any case." },
      metadata: {
        type: "object",
        description: "What the manifest is called.",
        required: ["name"],
        properties: {
          name: { type: "string", description: "Unique for its kind in its namespace." },
          namespace: { type: "string", default: "default", description: "Names refer to the same namespace." },
          labels: { ...TEXT_MAP, description: "Words to find it by." },
          annotations: { ...TEXT_MAP, description: "Remarks for people and tools." },
        },
      },
      spec: schema,
    },
  };
}

/** Any spelling of a field; any word where the keys are the author's; items of lists need no step of their own. */
export function findField(root: Schema, steps: readonly string[]): FieldAnswer {
  let schema = root;
  let required = false;
  const path: string[] = [];
  for (const written of steps) {
    const step = written.replace(/\[[^\]]*\]$/, "");
    const parent = schema.type === "array" ? (schema.items ?? {}) : schema;
    const name = Object.keys(parent.properties ?? {}).find((known) => plainKey(known) === plainKey(step));
    const values = typeof parent.additionalProperties === "object" ? parent.additionalProperties : undefined;
    const next = name === undefined ? values : parent.properties?.[name];
    if (next === undefined) return { outcome: "unknown", path: path.join("."), step, parent };
    schema = next;
    required = name !== undefined && (parent.required?.includes(name) ?? false);
    path.push(name === "api_version" ? "apiVersion" : (name ?? `<${step}>`));
  }
  return { outcome: "found", path: path.join("."), schema, required };
}
