// The loader: files in, a desired set and every problem out. Deterministic: neither the order of the files nor what was
// loaded before changes the answer; what was loaded before only makes it cheap.

import { overlaySet } from "../overlay/overlay-set.ts";
import { assembleChange, CHANGE_LIMITS } from "./assemble-change.ts";
import { type Assembly, assembleWhole, type Overlay } from "./assembly.ts";
import { openParseCache } from "./cache/parse-cache.ts";
import { type FileInSet, placeInSet } from "./candidate.ts";
import type { Ahead, LoadResult, SourceFile } from "./desired-set.ts";
import { type Loaded, SetKeeper } from "./keep-sets.ts";
import { KnownFiles } from "./known-files.ts";
import { createPacer, type Pacer, runAtOnce } from "./pacer.ts";
import { PlaceBook } from "./place-book.ts";
import { createReadingKit, readFile } from "./read-file.ts";
import { isSelected, selectFiles } from "./select-files.ts";

export interface LoadOptions {
  /** Thrown where it is aborted, with its reason. */
  readonly signal?: AbortSignal;
  /** Files of overlays, in the order in which their patches are applied. */
  readonly overlays?: readonly SourceFile[];
}

export interface LoaderOptions {
  /** Where read files are kept for the next process; nothing is kept without it. The user's own folder. */
  readonly cacheFolder?: string;
}

export interface Loader {
  load(files: readonly SourceFile[], options?: LoadOptions): Promise<LoadResult>;
  /** The contents of blobs that need not be read again, since a file with that blob is known. */
  contents(): Promise<(blob: string) => Uint8Array | undefined>;
  /** So many files will soon be given to it that it does not know; some may be read as soon as they are there. */
  expect(files: number): Ahead | undefined;
  /** Sets on disk, from one process to the next; undefined where nothing is kept. */
  readonly sets: SetKeeper | undefined;
}

/**
 * One loader serves one environment: from one load to the next it keeps files by blob, and the set. An unchanged file
 * costs nothing, a changed one its parse and the checks of those that refer to it.
 */
export function createLoader({ cacheFolder }: LoaderOptions = {}, kit = createReadingKit()): Loader {
  const places = new PlaceBook((bytes) => runAtOnce(readFile(bytes, kit)));
  const cache = cacheFolder === undefined ? undefined : openParseCache(cacheFolder);
  const known = new KnownFiles(kit, cache);
  let last: Loaded | undefined;

  const loadChange = async (files: readonly SourceFile[], options: Reading): Promise<Loaded | undefined> => {
    const base = last;
    const difference = base === undefined ? undefined : differenceOf(base, files);
    if (base === undefined || difference === undefined) return undefined;
    if (difference.removed.length + difference.added.length === 0) return { ...base, given: files };
    const added = await place(difference.added, options);
    // Another load was faster: its set took over the maps of ours.
    if (last !== base) return undefined;
    last = undefined;
    const assembly = assembleChange(base.assembly, { removed: difference.removed, added: [...added] });
    const changed = base.changed + difference.removed.length + difference.added.length;
    return assembly === undefined ? undefined : { given: files, hasChart: false, changed, assembly };
  };

  const loadWhole = async (files: readonly SourceFile[], options: Reading): Promise<Loaded> => {
    const selected = selectFiles(files);
    const { overlays } = options;
    const overlay: Overlay | undefined =
      overlays.length === 0 ? undefined : (candidates) => overlaySet(overlays, candidates, kit);
    const assembly = await assembleWhole(await place(selected, options), options.pace, overlay);
    return {
      given: files,
      hasChart: files.some(({ path }) => isChart(path)),
      changed: Number.POSITIVE_INFINITY,
      assembly,
    };
  };

  const place = async (files: readonly SourceFile[], { pace, signal }: Reading): Promise<Map<string, FileInSet>> => {
    const read = await known.read(files, pace, signal);
    const placed = new Map<string, FileInSet>();
    for (const file of files) {
      const found = read.get(file.blob);
      if (found !== undefined) placed.set(file.path, placeInSet(file, found, places));
      await pace();
    }
    return placed;
  };

  const placeUnkept = (files: readonly SourceFile[]): Promise<Map<string, FileInSet>> =>
    place(files, { pace: createPacer(), signal: undefined, overlays: [] });
  const kept = {
    last: () => last,
    adopt: (loaded: Loaded) => {
      last = loaded;
    },
  };
  return {
    async load(files, { signal, overlays = [] } = {}) {
      const options = { pace: createPacer(), signal, overlays };
      signal?.throwIfAborted();
      // A patch of another file may concern any manifest: with overlays the set is put together anew, from known files.
      if (overlays.length > 0) last = undefined;
      const loaded = (await loadChange(files, options)) ?? (await loadWhole(files, options));
      last = overlays.length > 0 ? undefined : loaded;
      known.forget(files.length);
      return loaded.assembly.result;
    },
    contents: () => known.contents(createPacer()),
    expect: (files) => known.expect(files),
    sets: cache === undefined ? undefined : new SetKeeper(cache, { places, read: placeUnkept }, kept),
  };
}

interface Reading {
  readonly pace: Pacer;
  readonly signal: AbortSignal | undefined;
  readonly overlays: readonly SourceFile[];
}

interface Difference {
  readonly removed: readonly string[];
  readonly added: readonly SourceFile[];
}

/** undefined: a whole load is as good. */
function differenceOf({ given, hasChart, assembly }: Loaded, files: readonly SourceFile[]): Difference | undefined {
  if (hasChart) return undefined;
  const added: SourceFile[] = [];
  let samePaths = files.length === given.length;
  for (const [index, file] of files.entries()) {
    const other = given[index];
    if (file === other) continue;
    if (file.path !== other?.path) samePaths = false;
    if (!isSelected(file.path) || assembly.files.get(file.path)?.blob === file.blob) continue;
    if (isChart(file.path) || added.push(file) > CHANGE_LIMITS.files) return undefined;
  }
  const gone = samePaths ? [] : pathsGone(assembly, files);
  if (gone.length > CHANGE_LIMITS.files) return undefined;
  const changed = added.filter(({ path }) => assembly.files.has(path)).map(({ path }) => path);
  return { removed: [...gone, ...changed], added };
}

function pathsGone({ files }: Assembly, now: readonly SourceFile[]): string[] {
  const paths = new Set(now.map(({ path }) => path));
  return [...files.keys()].filter((path) => !paths.has(path));
}

/** Which other files count depends on where these stand. */
function isChart(path: string): boolean {
  return path.endsWith("Chart.yaml");
}
