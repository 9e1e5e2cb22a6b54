// Keeps the last bytes of a stream that must always be drained, to quote them when something goes wrong.
import type { Readable } from "node:stream";

export class OutputRing {
  readonly #limitBytes: number;
  #kept = Buffer.alloc(0);

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  drain(stream: Readable): void {
    stream.on("data", (chunk: Buffer) => this.add(chunk));
    stream.on("error", () => this.add(Buffer.from("\n[the stream broke off]")));
  }

  add(chunk: Buffer): void {
    const tail = chunk.subarray(Math.max(0, chunk.length - this.#limitBytes));
    this.#kept = Buffer.concat([this.#kept, tail]).subarray(-this.#limitBytes);
  }

  /** The last lines, without control characters that could dress up a terminal; empty where nothing was written. */
  quote(lines = 8): string {
    const text = this.#kept
      .toString("utf8")
      .replace(/[^\P{Cc}\n]/gu, "")
      .trim();
    return text.split("\n").slice(-lines).join("\n").slice(-1_000);
  }
}
