// The answer of `git cat-file --batch` as it comes: contents by object id, each given on once it is whole.
import { createHash } from "node:crypto";
import { Damaged } from "../unavailable.ts";

export type TakeBlob = (oid: string, bytes: Uint8Array) => void;

/** Contents share the memory of the answer's pieces. */
export class BlobStream {
  private readonly repo: string;
  private readonly take: TakeBlob;
  private parts: Buffer[] = [];
  private size = 0;
  /** Below it, what is at hand holds nothing whole. */
  private needed = 1;

  constructor(repo: string, take: TakeBlob) {
    this.repo = repo;
    this.take = take;
  }

  /** Throws {@link Damaged} for an object that is missing, or that is not what its id says. */
  push(part: Buffer): void {
    this.parts.push(part);
    this.size += part.length;
    if (this.size < this.needed) return;
    const bytes = this.parts.length === 1 ? part : Buffer.concat(this.parts);
    const rest = bytes.subarray(this.readWhole(bytes));
    this.parts = rest.length === 0 ? [] : [rest];
    this.size = rest.length;
  }

  /** Throws {@link Damaged} where the answer ends in the middle of an object. */
  end(): void {
    if (this.size > 0) throw new Damaged(`git stopped in the middle of an object of ${this.repo}: read it again`);
  }

  /** Up to where the bytes are read. */
  private readWhole(bytes: Buffer): number {
    let at = 0;
    for (;;) {
      const lineEnd = bytes.indexOf(10, at);
      if (lineEnd === -1) {
        this.needed = bytes.length - at + 1;
        return at;
      }
      const { oid, size } = parseHeader(this.repo, bytes.toString("latin1", at, lineEnd));
      const end = lineEnd + 1 + size;
      if (bytes.length <= end) {
        this.needed = end + 1 - at;
        return at;
      }
      const content = bytes.subarray(lineEnd + 1, end);
      ensureNamed(this.repo, oid, content);
      this.take(oid, content);
      at = end + 1;
    }
  }
}

/** git hashes what it fetches, not what it reads: an exchanged or cut object would pass for another text. 3 µs a file. */
function ensureNamed(repo: string, oid: string, bytes: Uint8Array): void {
  const hash = createHash(oid.length === 64 ? "sha256" : "sha1")
    .update(`blob ${bytes.length}\0`)
    .update(bytes);
  if (hash.digest("hex") === oid) return;
  throw new Damaged(`${repo} holds other contents than its commit names (${oid}): fetch it again`);
}

/** `<oid> <type> <size>`, or `<oid> missing`. */
export function parseHeader(repo: string, line: string): { readonly oid: string; readonly size: number } {
  const [oid, type, size] = line.split(" ");
  if (oid !== undefined && type === "blob" && size !== undefined) return { oid, size: Number(size) };
  const why = "a partial or damaged clone? Name its origin's URL instead, or fetch again";
  throw new Damaged(`${repo} lacks an object that its commit needs (${line.slice(0, 80)}): ${why}`);
}
