// The one place that maps spellings to the canonical ones: field names in any of their forms, and both apiVersions.
import { distance } from "fastest-levenshtein";
import type { ApiVersion } from "./manifest.ts";
import type { Schema } from "./schema.ts";

/**
 * `secretRef`, `secret_ref`, `SecretRef` and `secretref` are one field: Orloj reads both spellings in YAML and any case
 * in JSON. Canonical is the snake_case name that the schema has.
 */
export function plainKey(key: string): string {
  return key.replace(/[_-]/g, "").toLowerCase();
}

/** The only camelCase of `countwheel.dev/v1`: these are how the vocabulary itself writes its fields. */
const VOCABULARY_CAMEL: ReadonlyMap<string, string> = new Map([
  ["secretRef", "secret_ref"],
  ["headerName", "header_name"],
  ["tokenURL", "token_url"],
  ["mountPath", "mount_path"],
  ["stringData", "string_data"],
]);

/** How a canonical field is also written: `secret_ref` → `secretRef`, `token_url` → `tokenURL`. For editors. */
export function camelSpellings(canonical: string): readonly string[] {
  if (!canonical.includes("_")) return [];
  const camel = canonical.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const upper = camel.replace(/Url$/, "URL");
  return upper === camel ? [camel] : [camel, upper];
}

export function vocabularySpellings(canonical: string): readonly string[] {
  return [...VOCABULARY_CAMEL].filter(([, name]) => name === canonical).map(([camel]) => camel);
}

/** Canonical names by {@link plainKey}, aliases included. The caller keeps it: making one costs more than using it. */
export function spellingsOf(schema: Schema): ReadonlyMap<string, string> {
  const names = Object.keys(schema.properties ?? {}).map((name) => [plainKey(name), name] as const);
  const aliases = Object.entries(schema["x-alias"] ?? {}).map(([alias, name]) => [plainKey(alias), name] as const);
  return new Map([...names, ...aliases]);
}

/** The canonical name of a field as it was written, or undefined for an unknown one. */
export function canonicalField(
  written: string,
  schema: Schema,
  spellings: ReadonlyMap<string, string>,
  apiVersion: ApiVersion,
): string | undefined {
  if (apiVersion === "orloj.dev/v1") return spellings.get(plainKey(written));
  const name = VOCABULARY_CAMEL.get(written) ?? written;
  return Object.hasOwn(schema.properties ?? {}, name) ? name : undefined;
}

export type ApiVersionAnswer =
  | { readonly outcome: "known"; readonly apiVersion: ApiVersion }
  /** Read as `orloj.dev/v1`, with a warning: Orloj never looks at the value. */
  | { readonly outcome: "assumed"; readonly apiVersion: "orloj.dev/v1" }
  /** Ours, and misspelt or too new. */
  | { readonly outcome: "unknown"; readonly nearest: ApiVersion }
  /** Another system's: the document is not for us. */
  | { readonly outcome: "foreign" };

/**
 * Orloj never checks the value, so a manifest of its vocabulary loads with any. A value whose group is a domain of
 * somebody else (`apps/v1` of Kubernetes has none, `tekton.dev/v1` does) tells that the document is theirs, also where
 * the kind has a name of ours, such as Tekton's Task.
 */
export function readApiVersion(text: string | undefined): ApiVersionAnswer {
  const value = text?.trim() ?? "";
  if (value === "" || value === "orloj.dev/v1") return { outcome: "known", apiVersion: "orloj.dev/v1" };
  if (value === "countwheel.dev/v1") return { outcome: "known", apiVersion: value };
  const group = value.split("/")[0] ?? "";
  if (group === "orloj.dev") return { outcome: "assumed", apiVersion: "orloj.dev/v1" };
  if (distance(group, "countwheel.dev") <= 3) return { outcome: "unknown", nearest: "countwheel.dev/v1" };
  if (distance(group, "orloj.dev") <= 2) return { outcome: "assumed", apiVersion: "orloj.dev/v1" };
  return value.includes("/") && group.includes(".")
    ? { outcome: "foreign" }
    : { outcome: "assumed", apiVersion: "orloj.dev/v1" };
}
