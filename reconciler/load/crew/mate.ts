// The second thread that reads files, from this one's side: what it has in hand, and what it has read.
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { type Blob, Pile } from "./pile.ts";

const MATE_LIMITS = {
  batchFiles: 32,
  /** Batches in its hand: it reads one while the answer to another waits for this thread. */
  batches: 2,
  /** One that was started for files which never came, because their source failed, ends after so long. */
  idleMs: 30_000,
} as const;

/** What goes to the other thread: the bytes of several files in a row, which need not be copied on their way. */
export interface Batch {
  readonly bytes: Uint8Array;
  readonly lengths: readonly number[];
}

/** From the other thread: it has loaded its modules, or the texts of a batch's files, in their order. */
export type MateMessage = "ready" | readonly string[];

/** Of a file that the other thread has read, as it rendered it. */
type TakeText = (file: Blob, text: string) => void;

/** It keeps no process alive before its work is waited for. */
export class Mate {
  readonly pile = new Pile();
  private readonly worker: Worker;
  private readonly idle: NodeJS.Timeout;
  private readonly given = new Set<string>();
  /** The oldest batch first. */
  private readonly inHand: (readonly Blob[])[] = [];
  private readonly early: [file: Blob, text: string][] = [];
  private take: TakeText | undefined;
  private ready = false;
  private onDone: () => void = () => undefined;
  private readonly failed: Promise<void>;

  constructor(module: URL, onIdle: () => void) {
    this.worker = new Worker(module, { stdout: true, stderr: true });
    this.worker.unref();
    this.worker.on("message", (message: MateMessage) => this.hear(message));
    // A thread that cannot load its module, or that runs out of memory.
    this.failed = new Promise((resolve) => {
      this.worker.once("error", () => resolve()).once("exit", () => resolve());
    });
    this.idle = setTimeout(() => {
      onIdle();
      void this.stop();
    }, MATE_LIMITS.idleMs).unref();
  }

  isReady(): boolean {
    return this.ready;
  }

  /** A file that will be among those of `work`, if nothing fails until then. */
  give(file: Blob): void {
    if (this.given.has(file.blob)) return;
    this.given.add(file.blob);
    this.pile.add(file);
    if (this.take !== undefined || this.pile.size >= MATE_LIMITS.batchFiles) this.feed();
  }

  /**
   * `early`: what it had read before, which `take` is not called for. `left`: the files that were given to it and never came
   * back, none if all went well; answered once it has nothing in hand and the pile is empty.
   */
  work(
    files: readonly Blob[],
    take: TakeText,
  ): { readonly early: readonly (readonly [Blob, string])[]; readonly left: Promise<readonly Blob[]> } {
    clearTimeout(this.idle);
    this.worker.ref();
    const wanted = new Set(files.map(({ blob }) => blob));
    const isWanted = (blob: string): boolean => wanted.has(blob);
    this.pile.keep(isWanted);
    this.take = (file, text) => {
      if (isWanted(file.blob)) take(file, text);
    };
    const done = new Promise<void>((resolve) => {
      this.onDone = resolve;
    });
    for (const file of files) if (!this.given.has(file.blob)) this.pile.add(file);
    this.feed();
    const left = Promise.race([done, this.failed]).then(() => this.inHand.flat().filter(({ blob }) => isWanted(blob)));
    return { early: this.early.filter(([{ blob }]) => isWanted(blob)), left };
  }

  stop(): Promise<unknown> {
    return this.worker.terminate();
  }

  private hear(message: MateMessage): void {
    if (message === "ready") {
      this.ready = true;
    } else {
      for (const [index, file] of (this.inHand.shift() ?? []).entries()) {
        const text = message[index] ?? "";
        if (this.take === undefined) this.early.push([file, text]);
        else this.take(file, text);
      }
    }
    this.feed();
  }

  private feed(): void {
    while (this.ready && this.inHand.length < MATE_LIMITS.batches) {
      const batch = this.pile.batch(MATE_LIMITS.batchFiles);
      if (batch.length === 0) break;
      this.inHand.push(batch);
      const { bytes, lengths } = joined(batch);
      this.worker.postMessage({ bytes, lengths } satisfies Batch, [bytes.buffer]);
    }
    if (this.ready && this.take !== undefined && this.inHand.length === 0) this.onDone();
  }
}

/** undefined where no second thread can be started. */
export function startMate(onIdle: () => void): Mate | undefined {
  const module = findModule();
  return module === undefined || availableParallelism() < 2 ? undefined : new Mate(module, onIdle);
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
