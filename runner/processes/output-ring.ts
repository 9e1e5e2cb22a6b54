// Keeps the last bytes of a stream that must always be drained, to quote them when something goes wrong.
import type { Readable } from "node:stream";
import { CUT } from "../bound-text.ts";

const MAX_QUOTED = 1_000;

export class OutputRing {
  readonly #limitBytes: number;
  #kept = Buffer.alloc(0);
  #isCut = false;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  drain(stream: Readable): void {
    stream.on("data", (chunk: Buffer) => this.add(chunk));
    stream.on("error", () => this.add(Buffer.from("\n[the stream broke off]")));
  }

  add(chunk: Buffer): void {
    this.#isCut ||= this.#kept.length + chunk.length > this.#limitBytes;
    const tail = chunk.subarray(Math.max(0, chunk.length - this.#limitBytes));
    this.#kept = Buffer.concat([this.#kept, tail]).subarray(-this.#limitBytes);
  }

  /** The last lines, without control characters that could dress up a terminal; empty where nothing was written. */
  quote(lines = 8): string {
    const text = this.#kept
      .toString("utf8")
      .replace(/[^\P{Cc}\n]/gu, "")
      .trim();
    const last = (this.#isCut ? `${CUT}${text}` : text).split("\n").slice(-lines).join("\n");
    return last.length > MAX_QUOTED ? `${CUT}${last.slice(-MAX_QUOTED)}` : last;
  }
}
