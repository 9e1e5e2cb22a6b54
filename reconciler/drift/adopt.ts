// Makes the patch that adopts a drift: the change to a file after which it declares what is there. Every patch is proven by
// the loader before it is offered, and none is offered that could show a secret.
import { createTwoFilesPatch } from "diff";
import { digestText } from "../../contracts/canonical.ts";
import type { DriftChange } from "../../contracts/drift.ts";
import { type Manifest, manifestAddress, manifestDigest } from "../../contracts/manifest.ts";
import type { StateRecord } from "../../contracts/record.ts";
import { sensitivePaths } from "../../contracts/sensitive.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import type { Loader } from "../load/load-files.ts";
import { renderYaml } from "../load/render-yaml.ts";
import { differingFields, pointerKeys, valueAt } from "../plan/field-diff.ts";
import { showUnseen } from "../plan/inert.ts";
import { editManifest, removeManifest, type WantedManifest } from "./edit-manifest.ts";

export interface AdoptInput {
  readonly change: DriftChange;
  /** What is there; undefined: it was removed. */
  readonly record: StateRecord | undefined;
  /** What the commit declares. */
  readonly declared: LoadedManifest | undefined;
  /** The text of the file that declares it, and every manifest in that file. */
  readonly text: string | undefined;
  readonly neighbours: readonly LoadedManifest[];
  /** The directory of the environment, for a manifest that gets a file of its own. */
  readonly folder: string;
  readonly loader: Pick<Loader, "load">;
}

export type AdoptAnswer =
  | { readonly outcome: "patch"; readonly patch: string }
  | { readonly outcome: "none"; readonly why: string };

export async function adoptPatch(input: AdoptInput): Promise<AdoptAnswer> {
  const { declared, record, text } = input;
  const wanted = wantedManifest(input);
  if (wanted === undefined && record !== undefined) return none("the record cannot take it: only the world can");
  if ([...input.neighbours.map(({ manifest }) => manifest), ...(wanted === undefined ? [] : [wanted])].some(isSecret))
    return none("no patch is shown, because the file holds secret values: edit it by hand");
  if (declared === undefined) return wanted === undefined ? none("nothing declares it") : newFile(input, wanted);
  if (text === undefined) return none("its file cannot be read");
  const edited = wanted === undefined ? removal(text, declared) : await edition(input, declared, wanted, text);
  if (edited === undefined) return none("its file is laid out so that no patch can be made: edit it by hand");
  return { outcome: "patch", patch: diffOf(declared.place.file, text, edited) };
}

function none(why: string): AdoptAnswer {
  return { outcome: "none", why };
}

function isSecret(manifest: Manifest): boolean {
  return sensitivePaths(manifest).length > 0;
}

/** What the file shall say: the record, or its declaration with what the world has instead. */
function wantedManifest({ change, record, declared }: AdoptInput): Manifest | undefined {
  if (change.drift.sort !== "world") return record?.manifest;
  const [field] = change.fields;
  const isPin = change.drift.code === "TOOL_DRIFTED" || change.drift.code === "TOOL_GONE";
  if (!isPin || field === undefined || declared === undefined) return undefined;
  return withPin(declared.manifest, pointerKeys(field.path).at(-1) ?? "", field.after);
}

function withPin(manifest: Manifest, tool: string, digest: unknown): Manifest {
  const { pins, ...spec } = manifest.spec;
  const { [tool]: _old, ...others } = (typeof pins === "object" && pins !== null ? pins : {}) as Record<
    string,
    unknown
  >;
  const next = digest === undefined ? others : { ...others, [tool]: digest };
  return { ...manifest, spec: Object.keys(next).length === 0 ? spec : { ...spec, pins: next } };
}

async function newFile({ folder, loader }: AdoptInput, manifest: Manifest): Promise<AdoptAnswer> {
  const { kind, metadata } = manifest;
  const inNamespace = metadata.namespace === "default" ? "" : `${metadata.namespace}-`;
  const name = `${kind.toLowerCase()}-${inNamespace}${metadata.name}.yaml`;
  const path = folder === "." || folder === "" ? name : `${folder}/${name}`;
  const text = renderManifest(manifest);
  if (!(await declares(loader, path, text, manifest))) return none("it cannot be written as a manifest");
  return { outcome: "patch", patch: diffOf(path, null, text) };
}

function renderManifest({ apiVersion, kind, metadata, spec }: Manifest): string {
  const { name, namespace, labels, annotations } = metadata;
  const shown = {
    name,
    ...(namespace === "default" ? {} : { namespace }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
  return renderYaml({ apiVersion, kind, metadata: shown, spec });
}

function removal(text: string, declared: LoadedManifest): string | null | undefined {
  return removeManifest(text, whoseName(declared.manifest));
}

async function edition(
  { loader }: AdoptInput,
  declared: LoadedManifest,
  wanted: Manifest,
  text: string,
): Promise<string | undefined> {
  const paths = differingFields(declared.manifest, wanted).map((path) => wholeOf(throughLists(path), wanted));
  const edits = [...new Set(paths)].map((pointer) => ({ pointer, value: valueAt(wanted, pointer) }));
  const edited = editManifest(text, whoseName(declared.manifest), edits);
  return edited !== undefined && (await declares(loader, declared.place.file, edited, wanted)) ? edited : undefined;
}

/** A pointer into a list stands for the whole list. */
function throughLists(pointer: string): string {
  return pointer.replace(/\/\d+(\/.*)?$/, "");
}

/** What goes away with all that is in it is one edit. */
function wholeOf(pointer: string, wanted: Manifest): string {
  const parent = pointer.slice(0, pointer.lastIndexOf("/"));
  const stays = parent === "/spec" || parent === "" || valueAt(wanted, parent) !== undefined;
  return stays ? pointer : wholeOf(parent, wanted);
}

function whoseName({ kind, metadata: { namespace, name } }: Manifest): WantedManifest {
  return { kind, namespace, name };
}

/** Whether the file, read as every other, says exactly this. */
async function declares(loader: Pick<Loader, "load">, path: string, text: string, wanted: Manifest): Promise<boolean> {
  const { set } = await loader.load([{ path, blob: digestText(text), bytes: Buffer.from(text) }]);
  const found = set.manifests.find(({ address }) => address === manifestAddress(wanted));
  return found !== undefined && found.digest === manifestDigest(wanted);
}

const MISSING = "/dev/null";

/** As `git apply` reads it, from the repository's root. `null`: there is no such file. */
function diffOf(file: string, before: string | null, after: string | null): string {
  const [from, to] = [before === null ? MISSING : `a/${file}`, after === null ? MISSING : `b/${file}`];
  const patch = createTwoFilesPatch(from, to, before ?? "", after ?? "", undefined, undefined, { context: 3 });
  return showUnseen(patch.replace(/^=+\n/, ""));
}
