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

/** An entry that is not unfolded yet. */
export interface PackedFile {
  readonly bytes: Uint8Array;
  readonly text: () => string;
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

/** undefined: it is no pack, of another version, or damaged. */
export function openPack(fit: string, pack: Buffer): ReadonlyMap<string, PackedFile> | undefined {
  const start = pack.indexOf(10) + 1;
  const body = pack.subarray(start);
  if (start === 0 || pack.toString("latin1", 0, start) !== firstLine(fit, body)) return undefined;
  const indexEnd = body.indexOf(10);
  const index = JSON.parse(body.toString("utf8", 0, indexEnd)) as readonly IndexRow[];
  const files = new Map<string, PackedFile>();
  let at = indexEnd + 1;
  for (const [blob, byteLength, textLength] of index) {
    const [from, to] = [at + byteLength, at + byteLength + textLength];
    files.set(blob, { bytes: body.subarray(at, from), text: () => body.toString("utf8", from, to) });
    at = to;
  }
  return files;
}

function firstLine(fit: string, body: Uint8Array): string {
  return `${MAGIC} ${fit} ${createHash("sha256").update(body).digest("hex")}\n`;
}
