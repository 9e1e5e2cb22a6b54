// Builds a snapshot's entries out of short descriptions of manifests.
import { addressOf, type KindName } from "../../../contracts/address.ts";
import { type Manifest, manifestDigest } from "../../../contracts/manifest.ts";
import type { Snapshot } from "../../../contracts/snapshot.ts";

type Described = readonly [kind: KindName, name: string, spec: Readonly<Record<string, unknown>>];

/** Names may be `namespace/name`. */
export function entriesOf(manifests: readonly Described[]): Snapshot["entries"] {
  const entries = manifests.map(([kind, path, spec]) => {
    const [name = "", namespace = "default"] = path.split("/").toReversed();
    const metadata = { name, namespace, labels: {}, annotations: {} };
    const manifest: Manifest = { apiVersion: "countwheel.dev/v1", kind, metadata, spec };
    const source = { repo: "", commit: null, file: "agents.yaml", line: 1, column: 1 };
    return [addressOf({ kind, namespace, name }), { manifest, digest: manifestDigest(manifest), source }] as const;
  });
  return Object.fromEntries(entries);
}
