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
  batchFiles: 32,
  /** Batches in the other thread's hand: it reads one while the answer to another waits for this thread. */
  batches: 2,
  /** A thread that was started for files which never came, because their source failed, ends after so long. */
  idleMs: 30_000,
} as const;

interface Blob {
  readonly blob: string;
  readonly bytes: Uint8Array;
}

/** `text`: as the other thread rendered it, where it did. */
type Take = (file: Blob, known: KnownFile, text?: string) => void;

/** What goes to the other thread: the bytes of several files in a row, which need not be copied on their way. */
export interface Batch {
  readonly bytes: Uint8Array;
  readonly lengths: readonly number[];
}

/** From the other thread: it has loaded its modules, or the texts of a batch's files, in their order. */
export type MateMessage = "ready" | readonly string[];

/** One for each loader. */
export class ReadCrew {
  private waiting: Mate | undefined;

  /** So many files are about to come: a second thread gets ready meanwhile. */
  expect(files: number): void {
    if (files >= CREW_LIMITS.files) this.waiting ??= startMate(() => this.dismiss());
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
    };
    const pile = new Pile(files);
    this.expect(files.length);
    const mate = this.waiting;
    this.waiting = undefined;
    const left = mate?.work(pile, take);
    try {
      for (let file = pile.next(); file !== undefined; file = pile.next()) {
        await readHere(file);
        await pace();
      }
      // One that is still getting ready comes too late.
      if (mate?.isReady() === false) await mate.stop();
      // What a mate that failed had in hand is read here.
      for (const file of (await left) ?? []) await readHere(file);
    } finally {
      await mate?.stop();
    }
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
  isReady(): boolean;
  /** Answers the files that were given to it and never came back: none, if all went well. */
  work(pile: Pile, take: Take): Promise<readonly Blob[]>;
  stop(): Promise<unknown>;
}

/** It keeps no process alive before it works. */
function startMate(onIdle: () => void): Mate | undefined {
  const module = findModule();
  if (module === undefined || availableParallelism() < 2) return undefined;
  const worker = new Worker(module, { stdout: true, stderr: true });
  worker.unref();
  // A thread that cannot load its module, or that runs out of memory.
  const failed = new Promise<void>((resolve) => worker.once("error", () => resolve()).once("exit", () => resolve()));
  let isReady = false;
  const ready = new Promise<void>((resolve) => {
    worker.once("message", () => {
      isReady = true;
      resolve();
    });
  });
  const stop = (): Promise<unknown> => worker.terminate();
  const idle = setTimeout(() => {
    onIdle();
    void stop();
  }, CREW_LIMITS.idleMs).unref();
  return {
    isReady: () => isReady,
    async work(pile, take) {
      clearTimeout(idle);
      worker.ref();
      await Promise.race([ready, failed]);
      const inHand: (readonly Blob[])[] = [];
      await Promise.race([failed, readAll(worker, { pile, inHand, take })]);
      return inHand.flat();
    },
    stop,
  };
}

interface Work {
  readonly pile: Pile;
  /** Given and not come back, the oldest first. */
  readonly inHand: (readonly Blob[])[];
  readonly take: Take;
}

function readAll(worker: Worker, { pile, inHand, take }: Work): Promise<void> {
  return new Promise((resolve) => {
    const give = (): void => {
      const batch = pile.batch();
      if (batch.length > 0) {
        inHand.push(batch);
        const { bytes, lengths } = joined(batch);
        worker.postMessage({ bytes, lengths } satisfies Batch, [bytes.buffer]);
      } else if (inHand.length === 0) resolve();
    };
    worker.on("message", (texts: readonly string[]) => {
      for (const [index, file] of (inHand.shift() ?? []).entries()) {
        const text = texts[index] ?? "";
        take(file, parseKnownFile(text, file.bytes), text);
      }
      give();
    });
    for (let given = 0; given < CREW_LIMITS.batches; given += 1) give();
  });
}

function joined(files: readonly Blob[]): { readonly bytes: Uint8Array<ArrayBuffer>; readonly lengths: number[] } {
  const lengths = files.map(({ bytes }) => bytes.length);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const file of files) {
    bytes.set(file.bytes, at);
    at += file.bytes.length;
  }
  return { bytes, lengths };
}

/** Beside this module, as source or built; undefined in a bundle. */
function findModule(): URL | undefined {
  const own = import.meta.url.endsWith(".ts") ? "./read-worker.ts" : "./read-worker.js";
  const module = new URL(own, import.meta.url);
  return module.protocol === "file:" && existsSync(fileURLToPath(module)) ? module : undefined;
}
