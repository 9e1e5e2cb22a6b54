// What an author may have meant: a prune and a create that are alike look like a rename. Pure.
import type { Address } from "../../contracts/address.ts";
import { canonicalJson } from "../../contracts/canonical.ts";
import { type Manifest, specDigest } from "../../contracts/manifest.ts";
import type { Change, Hint } from "../../contracts/plan.ts";
import type { StateRecord } from "../../contracts/record.ts";
import { escapePointer } from "../../contracts/sensitive.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import { MOVED_FROM } from "./moves.ts";

export interface AlikeInput {
  readonly changes: readonly Change[];
  readonly manifests: readonly LoadedManifest[];
  readonly records: ReadonlyMap<Address, StateRecord>;
}

/** What goes, and what comes that is alike. */
export interface Alike {
  readonly pruned: StateRecord;
  readonly created: LoadedManifest;
}

/** Fields are compared one by one for so many pairs of a kind; equal specs are found among any number. */
const PAIRS = 2_500;
/** This share of their fields is the same. */
const ALIKE = 0.8;

/** Each prune and each create at most once, equal specs first. */
export function findAlike({ changes, manifests, records }: AlikeInput): Alike[] {
  const open = changes.filter(({ blocked }) => blocked === undefined);
  const pruned = open.flatMap(({ action, address }) => (action === "prune" ? (records.get(address) ?? []) : []));
  if (pruned.length === 0) return [];
  const creates = new Set(open.filter(({ action }) => action === "create").map(({ address }) => address));
  // By address: of several that are alike the same one is taken, in whatever order the files came.
  const created = new Set(manifests.filter(({ address }) => creates.has(address)).toSorted(byAddress));
  const equal = takeEqual(pruned.toSorted(byAddress), created);
  const taken = new Set(equal.map((pair) => pair.pruned));
  const left = pruned.filter((record) => !taken.has(record)).toSorted(byAddress);
  return [...equal, ...takeAlike(left, created)];
}

function byAddress(a: { readonly address: Address }, b: { readonly address: Address }): number {
  return a.address < b.address ? -1 : 1;
}

function takeEqual(pruned: readonly StateRecord[], created: Set<LoadedManifest>): Alike[] {
  const bySpec = new Map<string, LoadedManifest[]>();
  for (const loaded of created) {
    const key = keyOf(loaded.manifest);
    const equals = bySpec.get(key);
    if (equals === undefined) bySpec.set(key, [loaded]);
    else equals.push(loaded);
  }
  return pruned.flatMap((record) => {
    const equals = bySpec.get(keyOf(record.manifest)) ?? [];
    const sameName = equals.findIndex(({ manifest }) => manifest.metadata.name === record.manifest.metadata.name);
    const [found] = equals.splice(Math.max(0, sameName), 1);
    if (found === undefined) return [];
    created.delete(found);
    return [{ pruned: record, created: found }];
  });
}

function keyOf(manifest: Manifest): string {
  return `${manifest.kind} ${specDigest(manifest)}`;
}

function takeAlike(pruned: readonly StateRecord[], created: Set<LoadedManifest>): Alike[] {
  if (pruned.length * created.size > PAIRS) return [];
  const fields = new Map([...created].map((loaded) => [loaded, fieldsOf(loaded.manifest)]));
  return pruned.flatMap((record) => {
    const own = fieldsOf(record.manifest);
    const found = [...created].find(
      (loaded) => loaded.manifest.kind === record.manifest.kind && share(own, fields.get(loaded) ?? new Set()) > ALIKE,
    );
    if (found === undefined) return [];
    created.delete(found);
    return [{ pruned: record, created: found }];
  });
}

function fieldsOf({ spec }: Manifest): Set<string> {
  const found = new Set<string>();
  const walk = (value: unknown, pointer: string): void => {
    if (typeof value !== "object" || value === null) found.add(`${pointer}=${canonicalJson(value)}`);
    else for (const [key, item] of Object.entries(value)) walk(item, `${pointer}/${escapePointer(key)}`);
  };
  walk(spec, "");
  return found;
}

/** Of all fields that either has. Two empty specs are alike only as far as they are equal. */
function share(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
  const common = [...one].filter((field) => other.has(field)).length;
  const all = one.size + other.size - common;
  return all === 0 ? 0 : common / all;
}

const HINTS = 20;

export function hintsFor(alike: readonly Alike[], rootMoved: boolean): Hint[] {
  const hints = alike.slice(0, HINTS).map(moveHint);
  if (!rootMoved) return hints;
  const message =
    "most records go, and alike ones come under other addresses: is the path right, or did a namespace change? If it is " +
    "meant, `countwheel.dev/moved-from` lets them go on as what they are";
  return [{ code: "ROOT_MOVED", message, addresses: alike.map(({ pruned }) => pruned.address) }, ...hints];
}

function moveHint({ pruned, created }: Alike): Hint {
  const { name, namespace } = pruned.manifest.metadata;
  const from = namespace === created.manifest.metadata.namespace ? name : pruned.address;
  const message = `\`${pruned.address}\` goes and \`${created.address}\` is like it. If it was renamed, write under its \`metadata.annotations\`: \`${MOVED_FROM}: ${from}\``;
  return { code: "MOVED", message, addresses: [pruned.address, created.address] };
}
