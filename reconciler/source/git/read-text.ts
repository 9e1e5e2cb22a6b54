// Reads one file of a commit as text: settings and lists, which are no manifests.
import { MANIFEST_LIMITS } from "../../../contracts/limits.ts";
import type { RepositoryPlace } from "../locate-repository.ts";
import { fetchContents } from "../mirror/mirror.ts";
import { Unavailable } from "../unavailable.ts";
import { normalizePath } from "./commit-files.ts";
import { findEntry, type Objects, readBlobs, readSizes } from "./tree.ts";

export interface TextPlace {
  readonly treeSha: string;
  readonly path: string;
  /** For people, such as `the list of allowed signers`. */
  readonly what: string;
}

/** Undefined only where nothing is: what is there and cannot be read must not look empty. Throws {@link Unavailable}. */
export async function readTextAt(
  objects: Objects,
  repository: RepositoryPlace,
  { treeSha, path, what }: TextPlace,
): Promise<string | undefined> {
  const entry = await findEntry(objects, treeSha, normalizePath(path));
  if (entry === undefined) return undefined;
  const { oid, kind } = entry;
  if (kind !== "file") throw new Unavailable("READ_FAILED", `\`${path}\`, ${what}, is a ${kind}`);
  if (repository.kind === "remote") await fetchContents(repository.mirror, treeSha, new Set([oid]));
  if (((await readSizes(objects, [oid])).get(oid) ?? 0) > MANIFEST_LIMITS.fileBytes)
    throw new Unavailable("TOO_LARGE", `\`${path}\` is too large for ${what}`);
  return Buffer.from((await readBlobs(objects, [oid])).get(oid) ?? []).toString("utf8");
}
