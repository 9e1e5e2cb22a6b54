// Keeps the last set of each source on disk, for the next process. As the packs beside it, it only saves time: a set that is
// missing, damaged, of another version, or of which a pack is gone, is put together from its files.
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { digestText } from "../../../contracts/canonical.ts";
import { type KeptSet, openKeptSet, renderKeptSet } from "./kept-set.ts";
import { orElse, readBounded, writeWhole } from "./parse-cache.ts";

const SET_LIMITS = {
  /** Sources of one machine; of more the one that was written longest ago goes. */
  sets: 16,
  /** Bytes of a set that is read: one of a hundred thousand manifests has some 30 MiB. */
  readBytes: 128 * 1024 * 1024,
} as const;

/** `source` names where the set comes from; its sets take turns in one file. */
export async function readKeptSet<Read>(
  folder: string,
  fit: string,
  source: string,
): Promise<KeptSet<Read> | undefined> {
  const text = await orElse(readBounded(join(folder, nameOf(fit, source)), SET_LIMITS.readBytes), undefined);
  return text === undefined ? undefined : openKeptSet<Read>(fit, text);
}

/** Never fails. */
export async function writeKeptSet<Read>(
  folder: string,
  fit: string,
  source: string,
  set: KeptSet<Read>,
): Promise<void> {
  const text = renderKeptSet(fit, set);
  if (text.length > SET_LIMITS.readBytes) return;
  await orElse(writeWhole(folder, text, nameOf(fit, source)), false);
  await orElse(removeOldest(folder), undefined);
}

const SET = /\.set$/;

async function removeOldest(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => SET.test(name));
  if (names.length <= SET_LIMITS.sets) return;
  const dated = await Promise.all(names.map(async (name) => ({ name, at: (await stat(join(folder, name))).mtimeMs })));
  const [oldest] = dated.toSorted((a, b) => a.at - b.at);
  if (oldest !== undefined) await rm(join(folder, oldest.name), { force: true });
}

/** Two versions that take turns keep a set each. */
function nameOf(fit: string, source: string): string {
  return `${digestText(`${fit}\0${source}`).slice("sha256:".length, "sha256:".length + 32)}.set`;
}
