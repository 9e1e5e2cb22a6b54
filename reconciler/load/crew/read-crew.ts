// Reads many files with a second thread beside this one: parsing is most of a cold plan, and machines have two cores. Where
// no thread can be started (a bundle of one file has no module for it), this thread reads them all.
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { parseKnownFile } from "../cache/known-file-text.ts";
import { type KnownFile, readKnownFile } from "../known-file.ts";
import { type Pacer, runPaced } from "../pacer.ts";
import type { ReadingKit } from "../read-file.ts";

const CREW_LIMITS = {
  /** Starting a thread takes as long as reading some 600 files, on its own core. */
  files: 1_500,
  batchFiles: 64,
} as const;

interface Blob {
  readonly blob: string;
  readonly bytes: Uint8Array;
}

type Take = (file: Blob, known: KnownFile) => void;

/** Gives every file to `take` once, in no order. Throws the signal's reason. */
export async function readFiles(
  files: readonly Blob[],
  kit: ReadingKit,
  pace: Pacer,
  take: Take,
  signal: AbortSignal | undefined,
): Promise<void> {
  const pile = new Pile(files);
  const mate = files.length < CREW_LIMITS.files ? undefined : startMate(pile, take);
  try {
    for (let file = pile.next(); file !== undefined; file = pile.next()) {
      signal?.throwIfAborted();
      take(file, await runPaced(readKnownFile(file.bytes, kit), pace));
      await pace();
    }
    // What a mate that failed had in hand is read here.
    for (const file of (await mate?.finished) ?? []) {
      signal?.throwIfAborted();
      take(file, await runPaced(readKnownFile(file.bytes, kit), pace));
    }
  } finally {
    await mate?.stop();
  }
}

/** What is left to read: this thread takes from the front, the other one batches from the end. */
class Pile {
  private readonly files: readonly Blob[];
  private front = 0;
  private end: number;

  constructor(files: readonly Blob[]) {
    this.files = files;
    this.end = files.length;
  }

  next(): Blob | undefined {
    if (this.front >= this.end) return undefined;
    this.front += 1;
    return this.files[this.front - 1];
  }

  batch(): readonly Blob[] {
    const from = Math.max(this.front, this.end - CREW_LIMITS.batchFiles);
    const batch = this.files.slice(from, this.end);
    this.end = from;
    return batch;
  }
}

interface Mate {
  /** The files that were given to it and never came back: none, if all went well. */
  readonly finished: Promise<readonly Blob[]>;
  stop(): Promise<unknown>;
}

function startMate(pile: Pile, take: Take): Mate | undefined {
  const module = findModule();
  if (module === undefined || availableParallelism() < 2) return undefined;
  const worker = new Worker(module, { stdout: true, stderr: true });
  let inHand: readonly Blob[] = [];
  const finished = new Promise<readonly Blob[]>((resolve) => {
    const give = (): void => {
      inHand = pile.batch();
      if (inHand.length === 0) resolve([]);
      // A copy: a view would take the whole buffer that it is a view of along.
      else worker.postMessage(inHand.map(({ bytes }) => new Uint8Array(bytes)));
    };
    worker.once("online", give);
    worker.on("message", (texts: readonly string[]) => {
      for (const [index, file] of inHand.entries()) take(file, parseKnownFile(texts[index] ?? "", file.bytes));
      give();
    });
    // A thread that cannot load its module, or that runs out of memory.
    worker.once("error", () => resolve(inHand));
    worker.once("exit", () => resolve(inHand));
  });
  return { finished, stop: () => worker.terminate() };
}

/** Beside this module, as source or built; undefined in a bundle. */
function findModule(): URL | undefined {
  const own = import.meta.url.endsWith(".ts") ? "./read-worker.ts" : "./read-worker.js";
  const module = new URL(own, import.meta.url);
  return module.protocol === "file:" && existsSync(fileURLToPath(module)) ? module : undefined;
}
