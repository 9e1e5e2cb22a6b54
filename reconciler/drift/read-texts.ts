// Reads the files in which drifted manifests stand, as they are in the commit or working tree that was compared.
import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import type { SourceSpec, SourceTools } from "../environment-source.ts";
import { findEntry, type Objects, readBlobs } from "../source/git/tree.ts";
import { repositoryFolder } from "../source/history.ts";

/** `headSha`: the commit that was compared; null for a working tree. A file that cannot be read is left out. */
export async function readTexts(
  spec: SourceSpec,
  { git, mirrorFolder }: Pick<SourceTools, "git" | "mirrorFolder">,
  { headSha, files }: { readonly headSha: string | null; readonly files: readonly string[] },
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  if (spec.kind === "folder") return readFolder(resolve(spec.folder, relative(spec.shownAs, ".")), files);
  if (headSha === null || files.length === 0) return new Map();
  const gitDir = await repositoryFolder({ git, repo: spec.repo, mirrorFolder, signal });
  return readCommit({ git, gitDir, repo: spec.repo, signal }, headSha, files);
}

async function readFolder(root: string, files: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const read = files.map(async (file) => [file, await readText(resolve(root, file))] as const);
  return withoutMissing(await Promise.all(read));
}

/** It was there a moment ago; a patch is a convenience. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

async function readCommit(
  objects: Objects,
  sha: string,
  files: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const found = await Promise.all(files.map(async (file) => [file, await findEntry(objects, sha, file)] as const));
  const blobs = await readBlobs(objects, [...new Set(found.flatMap(([, entry]) => entry?.oid ?? []))]);
  return withoutMissing(
    found.map(([file, entry]) => {
      const bytes = entry === undefined ? undefined : blobs.get(entry.oid);
      return [file, bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8")] as const;
    }),
  );
}

function withoutMissing(pairs: readonly (readonly [string, string | undefined])[]): ReadonlyMap<string, string> {
  return new Map(pairs.flatMap(([file, text]) => (text === undefined ? [] : [[file, text] as const])));
}
