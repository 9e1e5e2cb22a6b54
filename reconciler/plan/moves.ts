// Renamed resources: manifests that say with an annotation what they were called before. Pure.
import { type Address, addressOf, displayAddress, isName, parseAddress } from "../../contracts/address.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { manifestAddress } from "../../contracts/manifest.ts";
import type { Problem } from "../../contracts/problem.ts";
import type { StateRecord } from "../../contracts/record.ts";
import type { LoadedManifest } from "../load/desired-set.ts";

export const MOVED_FROM = "countwheel.dev/moved-from";

export interface Moves {
  /** By the new address: the record that moves there. */
  readonly from: ReadonlyMap<Address, StateRecord>;
  readonly problems: readonly Problem[];
}

type Records = ReadonlyMap<Address, StateRecord>;

interface MovesInput {
  readonly manifests: readonly LoadedManifest[];
  readonly records: Records;
  /** The addresses of those that {@link isMoved}. */
  readonly moved: ReadonlySet<Address>;
}

/** Whether it says what it was called before. */
export function isMoved(loaded: LoadedManifest): boolean {
  return loaded.isBare !== true && Object.hasOwn(loaded.manifest.metadata.annotations, MOVED_FROM);
}

/** A name that no record has (any more) is no move: the annotation may stay for as long as its author likes. */
export function findMoves({ manifests, records, moved }: MovesInput): Moves {
  const claims = moved.size === 0 ? [] : manifests.filter(({ address }) => moved.has(address));
  const from = new Map<Address, StateRecord>();
  const problems: Problem[] = [];
  if (claims.length === 0) return { from, problems };
  const declared = new Map(manifests.map((loaded) => [loaded.address, loaded]));
  const claimed = new Map<Address, LoadedManifest>();
  for (const claim of claims) {
    const old = readMovedFrom(claim.manifest);
    const conflict = findConflict({ claim, old, declared, claimed, records });
    if (conflict !== undefined) problems.push(conflict);
    if (old === undefined || conflict !== undefined) continue;
    claimed.set(old, claim);
    const record = records.get(old);
    if (record !== undefined) from.set(claim.address, record);
  }
  return { from, problems };
}

/** `<name>` of the same kind and namespace, or `Kind/namespace/name`. Undefined: neither, or itself. */
function readMovedFrom(manifest: Manifest): Address | undefined {
  const { annotations, namespace } = manifest.metadata;
  const text = annotations[MOVED_FROM]?.trim() ?? "";
  const parts = isName(text) ? { kind: manifest.kind, namespace, name: text } : parseAddress(text);
  if (parts === undefined || parts.kind !== manifest.kind) return undefined;
  const address = addressOf(parts);
  return address === manifestAddress(manifest) ? undefined : address;
}

interface ConflictInput {
  readonly claim: LoadedManifest;
  readonly old: Address | undefined;
  readonly declared: ReadonlyMap<Address, LoadedManifest>;
  readonly claimed: ReadonlyMap<Address, LoadedManifest>;
  readonly records: Records;
}

function findConflict({ claim, old, declared, claimed, records }: ConflictInput): Problem | undefined {
  const { kind, metadata } = claim.manifest;
  if (old === undefined) {
    const example = `Write the old name, or \`${kind}/${metadata.namespace}/<name>\`.`;
    return conflictOf(claim, `\`${metadata.annotations[MOVED_FROM]}\` is no other ${kind}`, example);
  }
  const other = declared.get(old);
  if (other !== undefined) {
    return conflictOf(claim, `\`${old}\` is still declared`, `Take one of the two away. ${placeOf(other)}`, other);
  }
  const rival = claimed.get(old);
  if (rival !== undefined) {
    return conflictOf(
      claim,
      `\`${rival.address}\` says the same`,
      `Only one can go on from it. ${placeOf(rival)}`,
      rival,
    );
  }
  if (!records.has(old) || !records.has(claim.address)) return undefined;
  const detail = `Take the annotation away; then \`${old}\` is pruned.`;
  return conflictOf(claim, "the state holds both already", detail);
}

function placeOf({ place }: LoadedManifest): string {
  return `The other one stands at ${place.file}:${place.line}:${place.column}.`;
}

function conflictOf(claim: LoadedManifest, what: string, detail: string, related?: LoadedManifest): Problem {
  const { kind, metadata } = claim.manifest;
  const name = displayAddress({ kind, namespace: metadata.namespace, name: metadata.name });
  return {
    severity: "error",
    code: "MOVE_CONFLICT",
    summary: `${name} says that it was moved from \`${metadata.annotations[MOVED_FROM]}\`, but ${what}`,
    detail,
    address: claim.address,
    ...claim.locate(`/metadata/annotations/${MOVED_FROM.replace("/", "~1")}`),
    ...(related === undefined ? {} : { related: related.place }),
  };
}
