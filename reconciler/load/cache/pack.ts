// A pack: many known files in one file on disk. Its first line carries the digest of all that follows, so that a changed
// byte, a cut end or an exchanged entry makes the whole pack unreadable, and an unreadable pack is as good as none. Pure.
import { createHash } from "node:crypto";

export interface PackEntry {
  /** The id of the blob, as the source gives it. */
  readonly blob: string;
  readonly bytes: Uint8Array;
  /** What {@link renderKnownFile} made of it. */
  readonly text: string;
}

/** An entry that is not unfolded yet: not even a view of its bytes is made before somebody asks. */
export class PackedFile {
  private readonly body: Buffer;
  private readonly at: number;
  private readonly textAt: number;
  private readonly end: number;

  constructor(body: Buffer, at: number, [, byteLength, textLength]: IndexRow) {
    this.body = body;
    this.at = at;
    this.textAt = at + byteLength;
    this.end = at + byteLength + textLength;
  }

  get bytes(): Uint8Array {
    return this.body.subarray(this.at, this.textAt);
  }

  get text(): string {
    return this.body.toString("utf8", this.textAt, this.end);
  }
}

const MAGIC = "countwheel-parsed";
/** [blob, length of the bytes, length of the text] */
type IndexRow = readonly [string, number, number];

/** `fit` names the version and schemas that made the entries. */
export function renderPack(fit: string, entries: readonly PackEntry[]): Buffer {
  const texts = entries.map(({ text }) => Buffer.from(text));
  const index: IndexRow[] = entries.map(({ blob, bytes }, at) => [blob, bytes.length, texts[at]?.length ?? 0]);
  const body = Buffer.concat([
    Buffer.from(`${JSON.stringify(index)}\n`),
    ...entries.flatMap(({ bytes }, at) => [bytes, texts[at] ?? Buffer.alloc(0)]),
  ]);
  return Buffer.concat([Buffer.from(firstLine(fit, body)), body]);
}

/** Adds the pack's files to others, by blob. Adds none where it is no pack, of another version, or damaged. */
export function openPack(fit: string, pack: Buffer, files: Map<string, PackedFile>): void {
  const start = pack.indexOf(10) + 1;
  const body = pack.subarray(start);
  if (start === 0 || pack.toString("latin1", 0, start) !== firstLine(fit, body)) return;
  const indexEnd = body.indexOf(10);
  const index = JSON.parse(body.toString("utf8", 0, indexEnd)) as readonly IndexRow[];
  let at = indexEnd + 1;
  for (const row of index) {
    const [blob, byteLength, textLength] = row;
    files.set(blob, new PackedFile(body, at, row));
    at += byteLength + textLength;
  }
}

function firstLine(fit: string, body: Uint8Array): string {
  return `${MAGIC} ${fit} ${createHash("sha256").update(body).digest("hex")}\n`;
}
