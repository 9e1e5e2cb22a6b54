// The source of an environment: a ref and path of a repository, or a folder on disk. Reads, looks up, watches.
import { posix, resolve } from "node:path";
import type { History } from "../contracts/plan.ts";
import { SETTINGS_FILE } from "./environments/settings-file.ts";
import type { HeadAnswer, LoopSource } from "./loop.ts";
import { type OverlayPaths, withCommitOverlays, withFolderOverlays } from "./overlay/read-overlays.ts";
import { editsFile } from "./source/edits-file.ts";
import { isManifestName } from "./source/files/manifest-paths.ts";
import { keepRead } from "./source/git/kept-reads.ts";
import { ReadMemory } from "./source/git/read-memory.ts";
import type { GitSetup } from "./source/git-setup.ts";
import { historyBetween, repositoryFolder } from "./source/history.ts";
import { type FilesLoader, loadSource } from "./source/load-source.ts";
import { locateRepository } from "./source/locate-repository.ts";
import { readRemoteHead } from "./source/remote-head.ts";
import { type ReadCommitOptions, readCommit } from "./source/repository.ts";
import { type SignatureRules, type SignatureVerdict, UNSIGNED_TREE, verifySource } from "./source/signatures.ts";
import type { SourceAnswer } from "./source/source.ts";
import { Unavailable } from "./source/unavailable.ts";
import { readWorkingTree } from "./source/working-tree.ts";
import type { Token } from "./token-source.ts";

export type SourceSpec =
  | {
      readonly kind: "commit";
      readonly repo: string;
      readonly ref: string;
      readonly path: string;
      /** The commit that `ref` is about to name. */
      readonly commit?: string;
    }
  /** `shownAs`: what paths of files begin with, such as the folder's path from the repository's root. */
  | { readonly kind: "folder"; readonly folder: string; readonly shownAs: string };

export interface SourceTools {
  readonly git: GitSetup;
  readonly mirrorFolder: string;
  readonly loader: FilesLoader;
  /** For this repository only: whoever calls has looked at its host. */
  readonly token?: Token;
  /** Directories of merge patches, from the repository's root, in their order. */
  readonly overlays?: OverlayPaths;
  /** Who may sign what is applied from here; absent: nobody asks. */
  readonly signatures?: SignatureRules;
  /** One line: watching has to give way to polling. */
  readonly onProblem: (message: string) => void;
}

export function openSource(spec: SourceSpec, tools: SourceTools): LoopSource {
  return spec.kind === "folder" ? folderSource(spec, tools) : commitSource(spec, tools);
}

type CommitSpec = Extract<SourceSpec, { readonly kind: "commit" }>;
type FolderSpec = Extract<SourceSpec, { readonly kind: "folder" }>;

/** What one commit holds, planned or compared with. */
export async function readCommitSource(
  spec: CommitSpec,
  tools: SourceTools,
  signal: AbortSignal,
  memory = new ReadMemory(),
): Promise<SourceAnswer> {
  const contents = await tools.loader.contents?.();
  const { loader, overlays = [] } = tools;
  // With overlays a set is put together from its files each time: one that is kept would not be gone on from.
  const sets = overlays.length > 0 ? undefined : loader.sets;
  const options = {
    ...commitOptions(spec, tools, signal),
    memory,
    expect: (files: number) => loader.expect?.(files),
    ...(contents === undefined ? {} : { contents }),
    ...(sets === undefined ? {} : { sets }),
  };
  const files = await withCommitOverlays(await readCommit(options), options, overlays);
  const answer = await loadSource(files, loader);
  if (files.status === "ok") await keepRead(sets, memory.latest);
  return answer;
}

/** The same repository and path at another ref: how pull requests are read. */
export function commitSourceReader(spec: CommitSpec, tools: SourceTools) {
  const memory = new ReadMemory();
  return (ref: string, signal: AbortSignal): Promise<SourceAnswer> =>
    readCommitSource({ ...spec, ref }, tools, signal, memory);
}

/** Whether the commit `head` edits `countwheel.yaml`, seen from `base`. Both were read before. */
export function settingsEditsReader(spec: CommitSpec, tools: SourceTools) {
  return (base: string, head: string, signal: AbortSignal): Promise<boolean> =>
    editsFile({ ...commitOptions(spec, tools, signal), base, head, path: SETTINGS_FILE });
}

function commitOptions(
  { repo, ref, path, commit }: CommitSpec,
  { git, mirrorFolder, token }: SourceTools,
  signal: AbortSignal,
): ReadCommitOptions {
  const more = { ...(commit === undefined ? {} : { commit }), ...(token === undefined ? {} : { token }) };
  return { repo, ref, path, git, mirrorFolder, signal, ...more };
}

function commitSource(spec: CommitSpec, tools: SourceTools): LoopSource {
  const memory = new ReadMemory();
  let followed: { readonly from: string; readonly to: string } | undefined;
  return {
    read: (signal) => readCommitSource(spec, tools, signal, memory),
    async history(from, to, signal): Promise<History> {
      if (from === null || to === null) return "first";
      // That one commit holds another stays true; whatever else was found may be found otherwise after a fetch.
      if (followed?.from === from && followed.to === to) return "fast-forward";
      const mirror = await repositoryFolder(commitOptions(spec, tools, signal));
      const history = await historyBetween({ git: tools.git, mirror, from, to, signal });
      followed = history === "fast-forward" ? { from, to } : undefined;
      return history;
    },
    async verify(from, to, signal): Promise<SignatureVerdict | null> {
      const { signatures } = tools;
      return signatures === undefined
        ? null
        : verifySource(commitOptions(spec, tools, signal), signatures, { from, to });
    },
    async lookUp(signal): Promise<HeadAnswer> {
      const head = await readRemoteHead(commitOptions(spec, tools, signal));
      return head.status === "missing" ? { status: "none" } : head;
    },
    watch: (ring, signal) => watchRepository(commitOptions(spec, tools, signal), tools, ring),
  };
}

/** A repository on this machine rings when a push moves its refs; a remote one, or one that is gone, is polled. */
async function watchRepository(
  options: ReadCommitOptions,
  { onProblem }: SourceTools,
  onLook: () => void,
): Promise<(() => Promise<void>) | undefined> {
  try {
    const place = await locateRepository(options);
    if (place.kind === "remote") return undefined;
    // Imported only here: hardly any command watches.
    const { watchSource } = await import("./source/watch.ts");
    const watch = await watchSource({
      kind: "repository",
      path: place.gitDir,
      onLook,
      onProblem,
      signal: options.signal,
    });
    return () => watch.close();
  } catch (error) {
    if (error instanceof Unavailable) return undefined;
    throw error;
  }
}

function folderSource({ folder, shownAs }: FolderSpec, tools: SourceTools): LoopSource {
  const { git, loader, onProblem, signatures } = tools;
  return {
    async read(signal): Promise<SourceAnswer> {
      const root = resolve(folder, posix.relative(shownAs, "."));
      const files = await readWorkingTree({ git, folder, shownAs, signal });
      const whole = await withFolderOverlays(files, { git, root, signal }, tools.overlays ?? []);
      return refuseEmptyFile(shownAs, await loadSource(whole, loader));
    },
    // Who plans a working tree stands before it: switching branches in it is no rewritten history.
    history: async (from) => (from === null ? "first" : "fast-forward"),
    verify: async () => (signatures === undefined || signatures.mode === "none" ? null : UNSIGNED_TREE),
    lookUp: async () => ({ status: "none" }),
    async watch(ring, signal) {
      const { watchSource } = await import("./source/watch.ts");
      const watch = await watchSource({ kind: "folder", path: folder, onLook: ring, onProblem, signal });
      return () => watch.close();
    },
  };
}

/** A folder may be empty; a file that somebody named and that declares nothing was meant to be something else. */
function refuseEmptyFile(shownAs: string, answer: SourceAnswer): SourceAnswer {
  if (answer.status !== "ok" || answer.load.manifestCount > 0 || !isManifestName(shownAs)) return answer;
  const message = `\`${shownAs}\` holds no manifest, and is no whole saved plan`;
  return { status: "unavailable", reason: { code: "READ_FAILED", message } };
}
