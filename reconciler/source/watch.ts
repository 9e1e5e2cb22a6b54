// Notices that a folder, or the refs of a repository on this machine, may have changed. It says "look again" and nothing
// more: what changed is read anew by whoever looks. A missed event costs one poll interval, never correctness.
import { realpath } from "node:fs/promises";
import { basename, relative, resolve, sep } from "node:path";
import { type FSWatcher, watch } from "chokidar";
import { isManifestName, isSkippedName } from "./files/manifest-paths.ts";
import { findGitFolder } from "./git/git-dir.ts";
import { failWhereUnavailable, Unavailable } from "./unavailable.ts";

export interface WatchOptions {
  /** `folder`: manifests on disk, or a single file. `repository`: branches and tags, also those that a push moves. */
  readonly kind: "folder" | "repository";
  readonly path: string;
  /** Called once things have been quiet for a moment. */
  readonly onLook: () => void;
  /** The watcher lost something (out of watches, folder gone): polling has to do. For a line of log. */
  readonly onProblem: (message: string) => void;
  /** Closes the watch when it aborts. */
  readonly signal: AbortSignal;
}

export interface SourceWatch {
  /** Resolves when nothing is watched any more, and no further look will be called. */
  close(): Promise<void>;
}

/** A save or a push is many events: quiet for this long, but never later than the second figure after the first event. */
const SETTLE_MS = 60;
const PATIENCE_MS = 500;

/**
 * Resolves once changes are noticed; what happened before is not reported, so look once yourself.
 * Throws PermanentFailure REPOSITORY_UNREACHABLE where `path` is no repository.
 */
export async function watchSource(options: WatchOptions): Promise<SourceWatch> {
  options.signal.throwIfAborted();
  const watcher = await failWhereUnavailable(() => openWatcher(options));
  const look = settle(options.onLook);
  watcher.on("error", (error) => options.onProblem(`watching ${options.path}: ${describe(error)}`));
  let closing: Promise<void> | undefined;
  watcher.on("all", () => {
    if (closing === undefined) look.soon();
  });
  const close = (): Promise<void> => {
    closing ??= watcher.close();
    look.cancel();
    return closing;
  };
  options.signal.addEventListener("abort", () => void close(), { once: true });
  await ready(watcher, options.signal);
  return { close };
}

async function openWatcher(options: WatchOptions): Promise<FSWatcher> {
  switch (options.kind) {
    case "folder":
      return watchFolder(await targetOf(resolve(options.path)));
    case "repository": {
      const found = await findGitFolder(options.path);
      if (found === undefined) throw new Unavailable("REPOSITORY_UNREACHABLE", `${options.path} is no git repository`);
      return watchRefs(await targetOf(found.gitDir), await targetOf(found.commonDir));
    }
  }
}

/** A link that somebody named is followed; those below it are not. A path that does not exist yet is watched for. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (error instanceof Error && "code" in error) return path;
    throw error;
  }
}

function watchFolder(root: string): FSWatcher {
  return watch(root, {
    ignoreInitial: true,
    followSymlinks: false,
    // Asked twice: by name alone when a folder is listed, and with what it is.
    ignored: (path, stats) => {
      if (path === root) return false;
      const below = relative(root, path).split(sep);
      return below.some(isSkippedName) || (stats?.isFile() === true && !isManifestName(basename(path)));
    },
  });
}

/** Of the git folder only what names commits. git writes `x.lock` and renames it to `x`: the renaming counts. */
function watchRefs(gitDir: string, commonDir: string): FSWatcher {
  const roots = [...new Set([gitDir, commonDir])];
  return watch(roots, {
    ignoreInitial: true,
    followSymlinks: false,
    ignored: (path) => {
      const root = roots.find((candidate) => path === candidate || path.startsWith(candidate + sep));
      const below = root === undefined ? "" : relative(root, path);
      return (
        below !== "" && !(/^(?:HEAD|packed-refs|(?:refs|reftable)(?:\/.*)?)$/.test(below) && !below.endsWith(".lock"))
      );
    },
  });
}

function ready(watcher: FSWatcher, signal: AbortSignal): Promise<void> {
  return new Promise((resolve_, reject) => {
    watcher.once("ready", resolve_);
    signal.addEventListener("abort", () => reject(signal.reason as unknown), { once: true });
  });
}

interface Settling {
  soon(): void;
  cancel(): void;
}

function settle(onLook: () => void): Settling {
  let quiet: NodeJS.Timeout | undefined;
  let patience: NodeJS.Timeout | undefined;
  const cancel = (): void => {
    clearTimeout(quiet);
    clearTimeout(patience);
    patience = undefined;
  };
  const fire = (): void => {
    cancel();
    onLook();
  };
  return {
    soon() {
      clearTimeout(quiet);
      quiet = setTimeout(fire, SETTLE_MS);
      patience ??= setTimeout(fire, PATIENCE_MS);
    },
    cancel,
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
