// Writes one field of an McpServer into the file that declares it, and nothing else into it.
import { readFile, writeFile } from "node:fs/promises";
import { digestText } from "../../contracts/canonical.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { manifestDigest } from "../../contracts/manifest.ts";
import { editManifest } from "../../reconciler/drift/edit-manifest.ts";
import type { LoadedManifest } from "../../reconciler/load/desired-set.ts";
import { createLoader } from "../../reconciler/load/load-files.ts";
import type { Pins } from "./pin-changes.ts";

/** `file`: where it is on this machine. Throws PermanentFailure PINS_NOT_WRITTEN, and leaves the file as it was. */
export async function writePins(file: string, server: LoadedManifest, pins: Pins): Promise<void> {
  const value = Object.keys(pins).length === 0 ? undefined : pins;
  if (!(await writeField(file, server, "pins", { written: value, meant: value })))
    throw notEditable("PINS_NOT_WRITTEN", server, `pins: ${JSON.stringify(pins)}`);
}

export interface FieldValue {
  /** As it stands in the file. */
  readonly written: unknown;
  /** The same in canonical names. */
  readonly meant: unknown;
}

/** As {@link writePins}, with AUTH_NOT_WRITTEN. */
export async function writeAuth(file: string, server: LoadedManifest, auth: FieldValue): Promise<void> {
  if (!(await writeField(file, server, "auth", auth)))
    throw notEditable("AUTH_NOT_WRITTEN", server, `auth: ${JSON.stringify(auth.written)}`);
}

function notEditable(code: string, { manifest, place }: LoadedManifest, line: string): PermanentFailure {
  const what = `${place.file} is laid out so that McpServer ${manifest.metadata.name} cannot be edited`;
  return new PermanentFailure(code, `${what}; write them by hand: ${line}`);
}

async function writeField(
  file: string,
  { manifest, place }: LoadedManifest,
  field: "pins" | "auth",
  { written, meant }: FieldValue,
): Promise<boolean> {
  const { namespace, name } = manifest.metadata;
  const text = await readFile(file, "utf8");
  const edits = [{ pointer: `/spec/${field}`, value: written }];
  const edited = editManifest(text, { kind: manifest.kind, namespace, name }, edits);
  const { [field]: _before, ...spec } = manifest.spec;
  const wanted = manifestDigest({ ...manifest, spec: meant === undefined ? spec : { ...spec, [field]: meant } });
  if (edited === undefined || !(await onlyThis(place.file, [text, edited], manifest.metadata, wanted))) return false;
  await writeFile(file, edited);
  return true;
}

/** Whether the file, read again as every other, says of the server what was wanted, and of all else what it said. */
async function onlyThis(
  path: string,
  [before, after]: readonly [string, string],
  { namespace, name }: LoadedManifest["manifest"]["metadata"],
  wanted: string,
): Promise<boolean> {
  const address = `McpServer/${namespace}/${name}`;
  const expected = (await digestsIn(path, before)).map(([one, digest]) => [one, one === address ? wanted : digest]);
  return JSON.stringify(expected) === JSON.stringify(await digestsIn(path, after));
}

async function digestsIn(path: string, text: string): Promise<readonly (readonly [string, string])[]> {
  const { set } = await createLoader().load([{ path, blob: digestText(text), bytes: Buffer.from(text) }]);
  return set.manifests.map(({ address, digest }) => [address, digest]);
}
