// Reads the allowed signers from the base: the commit that was applied last, or a file of this machine. Never from the
// commit that is judged, which could name its own author.
import { readFile } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { MANIFEST_LIMITS } from "../../../contracts/limits.ts";
import { normalizePath } from "../git/commit-files.ts";
import { readCommitFacts } from "../git/commit-info.ts";
import { commitOf } from "../git/local-ref.ts";
import { findEntry, type Objects, readBlobs, readSizes } from "../git/tree.ts";
import { locateRepository, type RepositoryOptions, type RepositoryPlace } from "../locate-repository.ts";
import { fetchContents } from "../mirror/mirror.ts";
import { Unavailable } from "../unavailable.ts";
import { parseSigners, type Signers } from "./signers.ts";

export interface SignersPlace {
  /** Within the repository; absolute: a file of this machine, whatever was applied. */
  readonly file: string;
  /** Where a file within the repository is looked for while nothing was applied: the folder of the settings. */
  readonly folder: string;
  /** The commit that was applied last. */
  readonly base: string | null;
}

export type SignersAnswer =
  | { readonly outcome: "read"; readonly signers: Signers }
  | { readonly outcome: "missing"; readonly why: string };

/** Beside the list, and as optional as it is there: `<file>.revoked`. */
const REVOKED = ".revoked";

export async function readSigners(options: RepositoryOptions, place: SignersPlace): Promise<SignersAnswer> {
  const { file, folder, base } = place;
  if (isAbsolute(file) || base === null) return readHere(resolve(folder, file));
  const repository = await locateRepository(options);
  const objects: Objects = {
    git: options.git,
    gitDir: repository.gitDir,
    repo: repository.repo,
    signal: options.signal,
  };
  if ((await commitOf(objects, base)) === undefined) {
    return missing(`${base.slice(0, 12)}, which was applied last and holds \`${file}\`, is not in the repository`);
  }
  const { treeSha } = await readCommitFacts(objects, base);
  const read = (path: string): Promise<string | undefined> => readAt(objects, repository, treeSha, path);
  const text = await read(file);
  if (text === undefined) return missing(`${base.slice(0, 12)}, which was applied last, has no file \`${file}\``);
  return { outcome: "read", signers: parseSigners(text, await read(`${file}${REVOKED}`)) };
}

/** Undefined only where nothing is: a list of revoked keys that is there and cannot be read must not look empty. */
async function readAt(
  objects: Objects,
  repository: RepositoryPlace,
  treeSha: string,
  path: string,
): Promise<string | undefined> {
  const entry = await findEntry(objects, treeSha, normalizePath(path));
  if (entry === undefined) return undefined;
  const { oid, kind } = entry;
  if (kind !== "file") throw new Unavailable("READ_FAILED", `\`${path}\`, the list of allowed signers, is a ${kind}`);
  if (repository.kind === "remote") await fetchContents(repository.mirror, treeSha, new Set([oid]));
  if (((await readSizes(objects, [oid])).get(oid) ?? 0) > MANIFEST_LIMITS.fileBytes)
    throw new Unavailable("TOO_LARGE", `\`${path}\` is too large for a list of allowed signers`);
  return Buffer.from((await readBlobs(objects, [oid])).get(oid) ?? []).toString("utf8");
}

async function readHere(file: string): Promise<SignersAnswer> {
  try {
    const text = await readFile(file, "utf8");
    const revoked = await readFile(`${file}${REVOKED}`, "utf8").catch(onlyIfMissing);
    return { outcome: "read", signers: parseSigners(text, revoked) };
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    return missing(`the allowed signers in ${file} cannot be read (${String(error.code)})`);
  }
}

/** The same holds here: only what is not there is empty. */
function onlyIfMissing(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  throw error;
}

function missing(why: string): SignersAnswer {
  return { outcome: "missing", why };
}
