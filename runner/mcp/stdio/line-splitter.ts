// Cuts a byte stream into lines of bounded length. Copies each byte once, however small the chunks are.

const NEWLINE = 0x0a;

export class LineSplitter {
  readonly #limitBytes: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** The lines that the chunk ends, without their ends; `tooLong` once a line passes the limit. */
  push(chunk: Buffer): { readonly lines: readonly string[]; readonly tooLong: boolean } {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, end));
      from = end + 1;
      if (this.#length > this.#limitBytes) return { lines, tooLong: true };
      lines.push(this.#take());
    }
    this.#keep(chunk.subarray(from));
    return { lines, tooLong: this.#length > this.#limitBytes };
  }

  #keep(part: Buffer): void {
    this.#parts.push(part);
    this.#length += part.length;
  }

  #take(): string {
    const line = Buffer.concat(this.#parts, this.#length).toString("utf8");
    this.#parts = [];
    this.#length = 0;
    return line.endsWith("\r") ? line.slice(0, -1) : line;
  }
}
