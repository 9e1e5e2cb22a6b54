// Reads many files with a second thread beside this one: parsing is most of a cold plan, and machines have two cores. Where
// no thread can be started (a bundle of one file has no module for it), this thread reads them all.
import { parseKnownFile } from "../cache/known-file-text.ts";
import type { Ahead } from "../desired-set.ts";
import { type KnownFile, readKnownFile } from "../known-file.ts";
import { type Pacer, runPaced } from "../pacer.ts";
import type { ReadingKit } from "../read-file.ts";
import { type Mate, startMate } from "./mate.ts";
import type { Blob } from "./pile.ts";

/** Starting a thread takes as long as reading some 600 files, on its own core. */
const CREW_FILES = 1_500;

/** `text`: as the other thread rendered it, where it did. */
type Take = (file: Blob, known: KnownFile, text?: string) => void;

/** One for each loader. */
export class ReadCrew {
  private waiting: Mate | undefined;

  /** So many files are about to come: a second thread gets ready meanwhile, and reads what it is given. */
  expect(files: number): Ahead | undefined {
    if (files >= CREW_FILES) this.waiting ??= startMate(() => this.dismiss());
    const mate = this.waiting;
    return mate === undefined ? undefined : (file) => mate.give(file);
  }

  private dismiss(): void {
    this.waiting = undefined;
  }

  /** Gives every file to `take` once, in no order. Throws the signal's reason. */
  async read(
    files: readonly Blob[],
    { kit, pace, signal }: { readonly kit: ReadingKit; readonly pace: Pacer; readonly signal: AbortSignal | undefined },
    take: Take,
  ): Promise<void> {
    const readHere = async (file: Blob): Promise<void> => {
      signal?.throwIfAborted();
      take(file, await runPaced(readKnownFile(file.bytes, kit), pace));
      await pace();
    };
    this.expect(files.length);
    const mate = this.waiting;
    this.waiting = undefined;
    if (mate === undefined) {
      for (const file of files) await readHere(file);
      return;
    }
    try {
      const takeRead = (file: Blob, text: string): void => take(file, parseKnownFile(text, file.bytes), text);
      const { early, left } = mate.work(files, takeRead);
      for (const [file, text] of early) {
        takeRead(file, text);
        await pace();
      }
      for (let file = mate.pile.next(); file !== undefined; file = mate.pile.next()) await readHere(file);
      // One that is still getting ready comes too late.
      if (!mate.isReady()) await mate.stop();
      // What a mate that failed had in hand is read here.
      for (const file of await left) await readHere(file);
    } finally {
      await mate.stop();
    }
  }
}
