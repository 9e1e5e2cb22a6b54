// Puts a sealed value into the text of a manifest file: into the Secret that is there, keeping comments and layout, or behind
// what is there. Pure; sees the sealed form of the value only.
import type { SealedPlace } from "../../contracts/sealed-text.ts";
import { escapePointer } from "../../contracts/sensitive.ts";
import { plainKey } from "../../contracts/spellings.ts";
import { editManifest, type FieldEdit, plainManifest, type WantedManifest } from "../drift/edit-manifest.ts";
import { renderYaml } from "../load/render-yaml.ts";

export type SealedAnswer =
  /** `removed`: fields that held the same key in plain text, and are gone. */
  | { readonly outcome: "written"; readonly text: string; readonly removed: readonly string[] }
  /** `from.<key>` is read before `sealed.<key>`. */
  | { readonly outcome: "shadowed" }
  | { readonly outcome: "not-editable" };

export function writeSealed(text: string, place: SealedPlace, sealed: string): SealedAnswer {
  const wanted = { kind: "Secret", namespace: place.namespace, name: place.name };
  const before = plainManifest(text, wanted);
  const edited = before === undefined ? appended(text, place, sealed) : edit(text, wanted, place.key, sealed);
  if (typeof edited !== "string") return edited;
  const after = plainManifest(edited, wanted);
  if (keysOf(after, "sealed")[place.key] !== sealed) return { outcome: "not-editable" };
  const removed = PLAIN.filter((field) => place.key in keysOf(before, field));
  return removed.some((field) => place.key in keysOf(after, field))
    ? { outcome: "not-editable" }
    : { outcome: "written", text: edited, removed };
}

/** A whole manifest with this value alone. */
export function sealedManifest({ namespace, name, key }: SealedPlace, sealed: string): string {
  const metadata = { name, ...(namespace === "default" ? {} : { namespace }) };
  return renderYaml({ apiVersion: "countwheel.dev/v1", kind: "Secret", metadata, spec: { sealed: { [key]: sealed } } });
}

/** Where a value stands in plain text. */
const PLAIN = ["string_data", "data"] as const;

function edit(text: string, wanted: WantedManifest, key: string, sealed: string): string | SealedAnswer {
  const manifest = plainManifest(text, wanted);
  if (Object.hasOwn(keysOf(manifest, "from"), key)) return { outcome: "shadowed" };
  const edits: FieldEdit[] = [{ pointer: `/spec/sealed/${escapePointer(key)}`, value: sealed }];
  for (const field of PLAIN) {
    const keys = Object.keys(keysOf(manifest, field));
    const isAlone = keys.length === 1;
    if (keys.includes(key))
      edits.push({ pointer: isAlone ? `/spec/${field}` : `/spec/${field}/${escapePointer(key)}`, value: undefined });
  }
  return editManifest(text, wanted, edits) ?? { outcome: "not-editable" };
}

function appended(text: string, place: SealedPlace, sealed: string): string {
  const before = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  return `${before}${before.trim() === "" ? "" : "---\n"}${sealedManifest(place, sealed)}`;
}

/** A field of the spec in any spelling, as keys and values. */
function keysOf(
  manifest: Readonly<Record<string, unknown>> | undefined,
  field: string,
): Readonly<Record<string, unknown>> {
  return asRecord(
    Object.entries(asRecord(manifest?.["spec"])).find(([name]) => plainKey(name) === plainKey(field))?.[1],
  );
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
