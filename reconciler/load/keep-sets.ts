// Keeps the loader's set for the next process, and gives it back to a loader that has loaded nothing yet.
import type { Assembly } from "./assembly.ts";
import type { ParseCache } from "./cache/parse-cache.ts";
import { readKeptSet, writeKeptSet } from "./cache/set-cache.ts";
import type { FileInSet } from "./candidate.ts";
import type { SourceFile } from "./desired-set.ts";
import { createPacer } from "./pacer.ts";
import type { PlaceBook } from "./place-book.ts";
import { keepSet, recallSet, unkeptOf } from "./recall-set.ts";

/** What a loader has loaded last. */
export interface Loaded {
  readonly given: readonly SourceFile[];
  readonly hasChart: boolean;
  /** How many files changed since the set was kept on disk. */
  readonly changed: number;
  readonly assembly: Assembly;
}

/** With fewer changed files than this, the set that is kept is as good: reading these again takes 20 ms. */
const CHANGED = 64;

interface Placing {
  readonly places: PlaceBook;
  readonly read: (files: readonly SourceFile[]) => Promise<ReadonlyMap<string, FileInSet>>;
}

interface LoaderMemory {
  readonly last: () => Loaded | undefined;
  readonly adopt: (loaded: Loaded) => void;
}

/** Some of a set's files are read again: no secret is kept on disk. Answers undefined where one of them cannot be. */
export type ReadAgain<Read> = (
  read: Read,
  files: readonly Pick<SourceFile, "path" | "blob">[],
) => Promise<readonly SourceFile[] | undefined>;

export class SetKeeper {
  private readonly cache: ParseCache;
  private readonly placing: Placing;
  private readonly memory: LoaderMemory;

  constructor(cache: ParseCache, placing: Placing, memory: LoaderMemory) {
    this.cache = cache;
    this.placing = placing;
    this.memory = memory;
  }

  /** The last set of `source`, which the loader goes on from. `Read` is what {@link keep} was told with it. */
  async recall<Read>(
    source: string,
    readAgain: ReadAgain<Read>,
  ): Promise<{ readonly read: Read; readonly files: readonly SourceFile[] } | undefined> {
    if (this.memory.last() !== undefined) return undefined;
    const kept = await readKeptSet<Read>(this.cache.folder, this.cache.fit, source);
    const packs = kept === undefined ? undefined : await this.cache.open(createPacer());
    if (kept === undefined || packs === undefined) return undefined;
    const unkept = unkeptOf(kept, packs);
    const files = unkept === undefined ? undefined : await readAgain(kept.read, unkept);
    if (unkept === undefined || files?.length !== unkept.length) return undefined;
    const placed = await this.placing.read(files);
    const recalled = recallSet(kept, { packs, places: this.placing.places, files, placed });
    if (this.memory.last() !== undefined) return undefined;
    this.memory.adopt({ given: recalled.files, hasChart: false, changed: 0, assembly: recalled.assembly });
    return { read: kept.read, files: recalled.files };
  }

  /** Keeps what the loader made of `files`, where that is worth it. Never fails. */
  async keep(source: string, read: unknown, files: readonly SourceFile[]): Promise<void> {
    const loaded = this.memory.last();
    if (loaded === undefined || loaded.given !== files || loaded.hasChart || loaded.changed < CHANGED) return;
    const set = keepSet(read, files, loaded.assembly, await this.cache.open(createPacer()));
    if (this.memory.last() === loaded) this.memory.adopt({ ...loaded, changed: 0 });
    if (set !== undefined) await writeKeptSet(this.cache.folder, this.cache.fit, source, set);
  }
}
