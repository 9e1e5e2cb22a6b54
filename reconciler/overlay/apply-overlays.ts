// Applies patches to the manifests that they name, in order. Pure; whether the outcome is valid is for recheck.ts to say.
import { type Address, displayAddress, parseAddress } from "../../contracts/address.ts";
import type { ApiVersion, Manifest } from "../../contracts/manifest.ts";
import type { Place, Problem } from "../../contracts/problem.ts";
import { escapePointer } from "../../contracts/sensitive.ts";
import { nearMatch } from "../load/near-match.ts";
import { isObject, type JsonObject, mergePatch } from "./merge-patch.ts";

/** One document of an overlay. */
export interface Patch {
  readonly target: Address;
  /** As it is written; it must be the one of the manifest. */
  readonly apiVersion?: ApiVersion;
  /** Over the whole manifest, with canonical names. */
  readonly value: JsonObject;
  /** Where its `kind` stands. */
  readonly place: Place;
  /** Where the values that it sets or removes stand, by JSON pointer; not those of objects that it only reaches into. */
  readonly places: ReadonlyMap<string, Place>;
}

/** What is needed of a manifest to patch it. */
export interface Patchable {
  readonly address: Address;
  readonly manifest: Manifest;
  readonly locate: (pointer: string) => Place;
}

export interface Patched<T extends Patchable> {
  readonly base: T;
  readonly manifest: Manifest;
  /** A value that a patch set or removed stands in the patch. */
  readonly locate: (pointer: string) => Place;
  readonly patches: readonly Patch[];
}

export interface Overlaid<T extends Patchable> {
  /** Only those that a patch names, sorted by address. */
  readonly patched: readonly Patched<T>[];
  readonly problems: readonly Problem[];
}

export function applyOverlays<T extends Patchable>(
  manifests: ReadonlyMap<Address, T>,
  patches: readonly Patch[],
): Overlaid<T> {
  const problems: Problem[] = [];
  const byTarget = new Map<T, Patch[]>();
  for (const patch of patches) {
    const base = manifests.get(patch.target);
    const problem = base === undefined ? unmatched(patch, manifests) : findIdentityChange(patch, base);
    if (problem !== undefined) problems.push(problem);
    else if (base !== undefined) byTarget.set(base, [...(byTarget.get(base) ?? []), patch]);
  }
  const patched = [...byTarget].map(([base, own]) => patchWith(base, own));
  return { patched: patched.toSorted((a, b) => (a.base.address < b.base.address ? -1 : 1)), problems };
}

function patchWith<T extends Patchable>(base: T, patches: readonly Patch[]): Patched<T> {
  const manifest = patches.reduce((merged: unknown, { value }) => mergePatch(merged, value), base.manifest) as Manifest;
  // Labels and annotations that are taken away as a whole are none.
  const metadata = { ...manifest.metadata, labels: manifest.metadata.labels ?? {} };
  const whole = {
    ...manifest,
    metadata: { ...metadata, annotations: metadata.annotations ?? {} },
    spec: manifest.spec ?? {},
  };
  return { base, patches, manifest: whole, locate: (pointer) => locate(base, patches, pointer) };
}

/** The last patch that set the value, or the object around it, tells; what no patch set stands where it stood. */
function locate({ manifest, locate: before }: Patchable, patches: readonly Patch[], pointer: string): Place {
  const lastFirst = patches.toReversed();
  for (let path = pointer; path !== ""; path = path.slice(0, path.lastIndexOf("/"))) {
    const found = lastFirst.map(({ places }) => places.get(path)).find((place) => place !== undefined);
    if (found !== undefined) return found;
  }
  if (exists(manifest, pointer)) return before(pointer);
  const below = lastFirst.flatMap(({ places }) => [...places]).find(([path]) => path.startsWith(`${pointer}/`));
  return below?.[1] ?? before(pointer);
}

function exists(value: unknown, pointer: string): boolean {
  const steps = pointer.split("/").slice(1);
  let at: unknown = value;
  for (const step of steps) {
    if (typeof at !== "object" || at === null) return false;
    const key = Object.keys(at).find((name) => escapePointer(name) === step);
    if (key === undefined) return false;
    at = (at as JsonObject)[key];
  }
  return true;
}

/** Kind, name and namespace choose the manifest, so a patch that says something else of them says two things. */
function findIdentityChange(patch: Patch, { manifest }: Patchable): Problem | undefined {
  const { kind, metadata = {} } = patch.value;
  const own = isObject(metadata) ? metadata : { name: metadata };
  const said = { kind, name: own["name"], namespace: own["namespace"] };
  const is = { kind: manifest.kind, name: manifest.metadata.name, namespace: manifest.metadata.namespace };
  const changed = (["kind", "name", "namespace"] as const).find(
    (key) => said[key] !== undefined && said[key] !== is[key],
  );
  if (changed !== undefined)
    return refuse(patch, `the patch of \`${shownTarget(patch)}\` changes its ${changed}`, RENAME);
  if (patch.apiVersion === undefined || patch.apiVersion === manifest.apiVersion) return undefined;
  const summary = `the patch of \`${shownTarget(patch)}\` is written in \`${patch.apiVersion}\`, its manifest in \`${manifest.apiVersion}\``;
  return refuse(patch, summary, "Leave `apiVersion` out, or write the manifest's own.");
}

const RENAME = "A patch changes what a manifest says, not which one it is. Rename the manifest itself.";

function unmatched(patch: Patch, manifests: ReadonlyMap<Address, Patchable>): Problem {
  const near = nearMatch(patch.target, [...manifests.keys()]);
  const found = near === undefined ? undefined : manifests.get(near as Address);
  const summary = `the patch names \`${shownTarget(patch)}\`, which no manifest declares: nobody knows which one it would change, so none can be planned`;
  if (found === undefined)
    return refuse(patch, summary, "A patch is applied to a manifest with its kind, name and namespace.");
  const place = found.locate("/metadata/name");
  const { kind, metadata } = found.manifest;
  const shown = displayAddress({ kind, ...metadata });
  const detail = `Did you mean \`${shown}\`, declared at ${place.file}:${place.line}:${place.column}?`;
  return { ...refuse(patch, summary, detail), related: place };
}

function shownTarget({ target }: Patch): string {
  const parts = parseAddress(target);
  return parts === undefined ? target : displayAddress(parts);
}

function refuse({ target, place }: Patch, summary: string, detail: string): Problem {
  return { severity: "error", code: "OVERLAY", summary, detail, address: target, ...place };
}
