// Reads the allowed signers from the base: the commit that was applied last, or a file of this machine. Never from the
// commit that is judged, which could name its own author.
import { readFile } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { readCommitFacts } from "../git/commit-info.ts";
import { commitOf } from "../git/local-ref.ts";
import { readTextAt } from "../git/read-text.ts";
import type { Objects } from "../git/tree.ts";
import { locateRepository, type RepositoryOptions } from "../locate-repository.ts";
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
  const what = "the list of allowed signers";
  const read = (path: string) => readTextAt(objects, repository, { treeSha, path, what });
  const text = await read(file);
  if (text === undefined) return missing(`${base.slice(0, 12)}, which was applied last, has no file \`${file}\``);
  return { outcome: "read", signers: parseSigners(text, await read(`${file}${REVOKED}`)) };
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
