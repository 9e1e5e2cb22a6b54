// The McpServers that manifests on this machine declare, for commands that look at one.
import { resolve } from "node:path";
import type { Address } from "../../contracts/address.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { hasErrors } from "../../contracts/problem.ts";
import type { Snapshot } from "../../contracts/snapshot.ts";
import type { LoadedManifest } from "../../reconciler/load/desired-set.ts";
import { createLoader } from "../../reconciler/load/load-files.ts";
import { nearMatch } from "../../reconciler/load/near-match.ts";
import { readWorkingTree } from "../../reconciler/source/working-tree.ts";
import type { Host } from "../host.ts";
import { UsageFailure } from "../output.ts";

type Entries = Snapshot["entries"];

/** Throws PermanentFailure MANIFESTS_INVALID, or why the folder cannot be read. */
export async function readManifests(host: Host, path: string): Promise<readonly LoadedManifest[]> {
  const { path: searchPath, userHome } = host.config;
  const git = { path: searchPath, ...(userHome === undefined ? {} : { home: userHome }) };
  const read = await readWorkingTree({ git, folder: resolve(host.cwd, path), shownAs: path, signal: host.signal });
  if (read.status !== "ok") throw new PermanentFailure(read.reason.code, read.reason.message);
  const { set, problems } = await createLoader().load(read.files);
  if (hasErrors([...read.problems, ...problems])) {
    throw new PermanentFailure("MANIFESTS_INVALID", `the manifests have problems: countwheel validate ${path}`);
  }
  return set.manifests;
}

export function chooseServers(
  manifests: readonly LoadedManifest[],
  names: readonly string[],
): readonly LoadedManifest[] {
  const servers = manifests.filter(({ manifest }) => manifest.kind === "McpServer");
  if (names.length === 0) return servers;
  return names.map((name) => {
    const found = servers.find(({ manifest }) => [nameOf(manifest), manifest.metadata.name].includes(name));
    if (found !== undefined) return found;
    const near = nearMatch(
      name,
      servers.map(({ manifest }) => manifest.metadata.name),
    );
    throw new UsageFailure(
      `no McpServer \`${name}\` is declared${near === undefined ? "" : `; did you mean \`${near}\`?`}`,
    );
  });
}

export function nameOf({ metadata: { namespace, name } }: LoadedManifest["manifest"]): string {
  return namespace === "default" ? name : `${namespace}/${name}`;
}

export function entriesOf(manifests: readonly LoadedManifest[]): Entries {
  const entries: Record<Address, Entries[Address]> = {};
  for (const { address, manifest, digest, place } of manifests) {
    entries[address] = { manifest, digest, source: { repo: "", commit: null, ...place } };
  }
  return entries;
}
