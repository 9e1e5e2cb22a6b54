// The files that a loader knows, by blob: in memory from one load to the next, and on disk from one process to the next.
import type { ParseCache } from "./cache/parse-cache.ts";
import { ReadCrew } from "./crew/read-crew.ts";
import type { Ahead, SourceFile } from "./desired-set.ts";
import type { KnownFile } from "./known-file.ts";
import type { Pacer } from "./pacer.ts";
import type { ReadingKit } from "./read-file.ts";

/** More than these many times the files of a set are not kept in memory. */
const KEPT_SETS = 2;
const KEPT_MORE = 1_000;

export class KnownFiles {
  private readonly kit: ReadingKit;
  private readonly cache: ParseCache | undefined;
  private readonly crew = new ReadCrew();
  /** By blob, the one that was asked for last at the end. */
  private readonly files = new Map<string, KnownFile>();

  constructor(kit: ReadingKit, cache: ParseCache | undefined) {
    this.kit = kit;
    this.cache = cache;
  }

  /** So many files that are not known will soon be asked for; what it answers takes each as soon as it is there. */
  expect(files: number): Ahead | undefined {
    return this.crew.expect(files);
  }

  /** Every file's blob is among the answers. */
  async read(
    files: readonly SourceFile[],
    pace: Pacer,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<string, KnownFile>> {
    const found = new Map<string, KnownFile>();
    const unknown = new Map<string, SourceFile>();
    for (const file of files) {
      const known = this.files.get(file.blob);
      if (known === undefined) unknown.set(file.blob, file);
      else found.set(file.blob, known);
    }
    if (unknown.size > 0) await this.readUnknown(unknown, found, pace, signal);
    for (const [blob, known] of found) {
      this.files.delete(blob);
      this.files.set(blob, known);
    }
    return found;
  }

  /** The contents of a blob that need not be read from anywhere. */
  async contents(pace: Pacer): Promise<(blob: string) => Uint8Array | undefined> {
    const kept = await this.cache?.open(pace);
    return (blob) => this.files.get(blob)?.bytes ?? kept?.bytes(blob);
  }

  /** What was asked for longest ago goes, once there is more than two sets of this size need. */
  forget(setSize: number): void {
    const room = setSize * KEPT_SETS + KEPT_MORE;
    for (const blob of this.files.keys()) {
      if (this.files.size <= room) return;
      this.files.delete(blob);
    }
  }

  private async readUnknown(
    unknown: ReadonlyMap<string, SourceFile>,
    found: Map<string, KnownFile>,
    pace: Pacer,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const kept = await this.cache?.open(pace);
    const unread: SourceFile[] = [];
    for (const file of unknown.values()) {
      const known = kept?.find(file.blob);
      if (known === undefined) unread.push(file);
      else found.set(file.blob, known);
      await pace();
    }
    signal?.throwIfAborted();
    const read = new Map<string, KnownFile>();
    const texts = new Map<string, string>();
    await this.crew.read(unread, { kit: this.kit, pace, signal }, ({ blob }, known, text) => {
      read.set(blob, known);
      if (text !== undefined) texts.set(blob, text);
    });
    for (const [blob, known] of read) found.set(blob, known);
    // All of the unknown: where the packs are made anew, those of the cache must stay.
    if (read.size > 0) await this.cache?.keep(found, texts, pace);
  }
}
