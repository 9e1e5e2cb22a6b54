// A manifest in canonical form: what the loader makes of one YAML document, and what the state keeps.
import { type Address, addressOf, type KindName } from "./address.ts";
import { type Digest, digestOf } from "./canonical.ts";

export const API_VERSIONS = ["orloj.dev/v1", "countwheel.dev/v1"] as const;
export type ApiVersion = (typeof API_VERSIONS)[number];

export interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Canonical: `kind` in its standard case, field names in snake_case as in SEMANTICS, string maps holding strings,
 * defaults NOT filled in (a default that changes in a later release must not show up as a change of every manifest).
 */
export interface Manifest<K extends KindName = KindName, S = Readonly<Record<string, unknown>>> {
  readonly apiVersion: ApiVersion;
  readonly kind: K;
  readonly metadata: Metadata;
  readonly spec: S;
}

export function manifestAddress(manifest: Manifest): Address {
  return addressOf({ kind: manifest.kind, namespace: manifest.metadata.namespace, name: manifest.metadata.name });
}

/** The content hash of a manifest: kind, metadata and spec. The file, its place and `apiVersion` are not content. */
export function manifestDigest(manifest: Manifest): Digest {
  return digestOf({ kind: manifest.kind, metadata: manifest.metadata, spec: manifest.spec });
}

/** The hash of the spec alone: what decides whether a run-mode Task runs again. */
export function specDigest(manifest: Pick<Manifest, "spec">): Digest {
  return digestOf(manifest.spec);
}
