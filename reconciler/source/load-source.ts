// From files to the three-valued source: valid manifests, problems, or nothing that could be read.
import { compareProblems, hasErrors } from "../../contracts/problem.ts";
import { SETTINGS_FILE } from "../environments/settings-file.ts";
import type { Expect, LoadResult, SourceFile } from "../load/desired-set.ts";
import type { KeptReads } from "./git/kept-reads.ts";
import type { FilesAnswer, SourceAnswer } from "./source.ts";

/** What is needed of the loader. */
export interface FilesLoader {
  load(files: readonly SourceFile[], options?: { readonly overlays?: readonly SourceFile[] }): Promise<LoadResult>;
  /** The contents of blobs that it knows: whoever reads files need not read these. */
  contents?(): Promise<(blob: string) => Uint8Array | undefined>;
  /** So many files will soon be given to it that it does not know. */
  readonly expect?: Expect;
  readonly sets?: KeptReads | undefined;
}

/** The problems of the listing (links, names, sizes) count like those of the manifests: one error makes it `invalid`. */
export async function loadSource(answer: FilesAnswer, loader: FilesLoader): Promise<SourceAnswer> {
  if (answer.status === "unavailable") return answer;
  const loaded = await loader.load(answer.files, { overlays: answer.overlays ?? [] });
  const isSettings = settingsFiles(answer.files);
  const told = loaded.problems.filter(({ code, file }) => code !== "NOT_A_MANIFEST" || !isSettings(file));
  const problems = [...answer.problems, ...told].toSorted(compareProblems);
  const load: LoadResult = { ...loaded, problems };
  const { identity } = answer;
  if (hasErrors(problems)) return { status: "invalid", identity, problems, load };
  return { status: "ok", identity, set: load.set, load };
}

/** They are no manifests, and nobody need be told so. A file of that name with something else in it is another matter. */
function settingsFiles(files: readonly SourceFile[]): (file: string) => boolean {
  // Asked for the bytes of a file only by its name: those of a kept set are unfolded for it.
  const found = files.filter(
    (file) => file.path === SETTINGS_FILE && Buffer.from(file.bytes).includes("environments:"),
  );
  return (file) => found.some(({ path }) => path === file);
}
