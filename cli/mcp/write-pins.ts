// Writes pins into the files that declare servers, and nothing else into them.
import { readFile, writeFile } from "node:fs/promises";
import { digestText } from "../../contracts/canonical.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { manifestDigest } from "../../contracts/manifest.ts";
import { editManifest } from "../../reconciler/drift/edit-manifest.ts";
import type { LoadedManifest } from "../../reconciler/load/desired-set.ts";
import { createLoader } from "../../reconciler/load/load-files.ts";
import type { Pins } from "./pin-changes.ts";

/** `file`: where it is on this machine. Throws PermanentFailure PINS_NOT_WRITTEN, and leaves the file as it was. */
export async function writePins(file: string, { manifest, place }: LoadedManifest, pins: Pins): Promise<void> {
  const { namespace, name } = manifest.metadata;
  const text = await readFile(file, "utf8");
  const value = Object.keys(pins).length === 0 ? undefined : pins;
  const edited = editManifest(text, { kind: manifest.kind, namespace, name }, [{ pointer: "/spec/pins", value }]);
  const { pins: _before, ...spec } = manifest.spec;
  const wanted = manifestDigest({ ...manifest, spec: value === undefined ? spec : { ...spec, pins: value } });
  if (edited === undefined || !(await onlyThis(place.file, [text, edited], manifest.metadata, wanted))) {
    const how = `write them by hand: pins: ${JSON.stringify(pins)}`;
    throw new PermanentFailure(
      "PINS_NOT_WRITTEN",
      `${place.file} is laid out so that McpServer ${name} cannot be edited; ${how}`,
    );
  }
  await writeFile(file, edited);
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
