// Fields that an environment does not manage: what the state holds there is kept, by plan, apply and drift alike. Pure.
import type { Address, KindName } from "../../contracts/address.ts";
import type { IgnoreRule } from "../../contracts/environment.ts";
import { type Manifest, manifestDigest } from "../../contracts/manifest.ts";
import type { Change } from "../../contracts/plan.ts";
import type { StateRecord } from "../../contracts/record.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import { pointerKeys, valueAt } from "../plan/field-diff.ts";
import type { PlannableSource } from "../plan/make-plan.ts";

type Named = Pick<Manifest, "kind" | "metadata">;

/** What decides about access is what Git says, whatever a rule says: a loosened policy in the state is never left alone. */
const NEVER: readonly KindName[] = ["AgentPolicy", "AgentRole", "ToolPermission"];

/** The pointers that rules name for this manifest, in the rules' order. */
export function ignoredPointers({ kind, metadata }: Named, rules: readonly IgnoreRule[]): readonly string[] {
  if (NEVER.includes(kind)) return [];
  return rules
    .filter((rule) => (rule.kind ?? kind) === kind && (rule.name ?? metadata.name) === metadata.name)
    .flatMap(({ pointers }) => pointers)
    .filter((pointer) => pointer.startsWith("/metadata/") || pointer.startsWith("/spec"));
}

/** Whether a value, or all of the values around it, are ignored. */
export function isIgnored(manifest: Named, pointer: string, rules: readonly IgnoreRule[]): boolean {
  return ignoredPointers(manifest, rules).some((ignored) => pointer === ignored || pointer.startsWith(`${ignored}/`));
}

/**
 * The manifest as it is applied over a record: ignored fields stay as the state has them, so an apply of other fields
 * does not overwrite them. A manifest without a record is taken whole.
 */
export function keepIgnored(
  loaded: LoadedManifest,
  record: Pick<StateRecord, "manifest"> | undefined,
  rules: readonly IgnoreRule[],
): LoadedManifest {
  return rules.length === 0 ? loaded : keepFields(loaded, record, ignoredPointers(loaded.manifest, rules));
}

/** The same for a change of a plan, which names the fields that it keeps. */
export function keepFields(
  loaded: LoadedManifest,
  record: Pick<StateRecord, "manifest"> | undefined,
  pointers: readonly string[],
): LoadedManifest {
  if (record === undefined) return loaded;
  const manifest = pointers.reduce(
    (kept, pointer) => withValue(kept, pointer, valueAt(record.manifest, pointer)),
    loaded.manifest,
  );
  if (manifest === loaded.manifest) return loaded;
  const { address, place, locate } = loaded;
  return { address, place, locate, manifest, digest: manifestDigest(manifest) };
}

/** The source as it is planned: with {@link keepIgnored} for each of its manifests. */
export function keepIgnoredIn<S extends PlannableSource>(
  source: S,
  records: ReadonlyMap<Address, StateRecord>,
  rules: readonly IgnoreRule[],
): S {
  if (rules.length === 0) return source;
  const kept = source.load.set.manifests.map((loaded) => keepIgnored(loaded, records.get(loaded.address), rules));
  const set = { ...source.load.set, manifests: kept };
  return { ...source, load: { ...source.load, set }, ...("set" in source ? { set } : {}) };
}

/** An update says which fields it leaves alone: whoever applies it knows no rules, and needs none. */
export function nameKept(changes: readonly Change[], rules: readonly IgnoreRule[]): readonly Change[] {
  if (rules.length === 0) return changes;
  return changes.map((change) => {
    const kept = change.action === "update" && change.after !== undefined ? ignoredPointers(change.after, rules) : [];
    return kept.length === 0 ? change : { ...change, kept };
  });
}

function withValue<M extends Manifest>(manifest: M, pointer: string, value: unknown): M {
  if (valueAt(manifest, pointer) === value) return manifest;
  return setAt(manifest, pointerKeys(pointer), value) as M;
}

/** A copy along the path. A part that is missing is made where a value goes there, and left missing where one goes away. */
function setAt(node: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  if (Array.isArray(node)) return setItem(node, key, rest, value);
  if (typeof node !== "object" || node === null) return value === undefined ? node : setAt({}, [key, ...rest], value);
  const fields: Readonly<Record<string, unknown>> = { ...node };
  const next = setAt(Object.hasOwn(fields, key) ? fields[key] : undefined, rest, value);
  const { [key]: _old, ...others } = fields;
  return next === undefined ? others : { ...others, [key]: next };
}

/** Items of a list are addressed by position; one that is not there cannot be kept, and nothing is removed from lists. */
function setItem(items: readonly unknown[], key: string, rest: readonly string[], value: unknown): readonly unknown[] {
  const index = Number(key);
  if (!Number.isInteger(index) || index < 0 || index >= items.length) return items;
  const next = setAt(items[index], rest, value);
  return next === undefined ? items : items.with(index, next);
}
