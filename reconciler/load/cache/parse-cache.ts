// Keeps known files on disk from one process to the next, in packs of a folder of its own. It only saves time: what is
// missing, damaged, foreign or not writable is read from its source as if there were no folder. Packs are written beside
// their place and renamed, and never changed, so that any number of processes may use one folder.
import { randomUUID } from "node:crypto";
import { open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { digestText } from "../../../contracts/canonical.ts";
import { KINDS } from "../../../contracts/kinds.ts";
import { MANIFEST_LIMITS } from "../../../contracts/limits.ts";
import { REFERENCES } from "../../../contracts/references.ts";
import { makePrivateFolder } from "../../private-folder.ts";
import type { KnownFile } from "../known-file.ts";
import type { Pacer } from "../pacer.ts";
import { PARSE_VERSION, parseKnownFile, renderKnownFile } from "./known-file-text.ts";
import { openPack, type PackEntry, type PackedFile, renderPack } from "./pack.ts";

const CACHE_LIMITS = {
  /** Fewer newly read files are not worth a pack: reading them again takes 20 ms. */
  newFiles: 64,
  /** Bytes of manifests in one pack; proving a pack of this size takes some 10 ms that nothing can interrupt. */
  packBytes: 2 * 1024 * 1024,
  /** With more packs than this, what is in use moves into new ones and all others go. */
  packs: 96,
  /** Bytes of a pack that is read; nobody of ours writes a larger one. */
  readBytes: 32 * 1024 * 1024,
} as const;

type CacheLimits = { readonly [Limit in keyof typeof CACHE_LIMITS]: number };

/** What the packs held when they were opened. */
export interface OpenCache {
  has(blob: string): boolean;
  find(blob: string): KnownFile | undefined;
  bytes(blob: string): Uint8Array | undefined;
}

export interface ParseCache {
  readonly folder: string;
  /** The version and schemas that everything in the folder is of. */
  readonly fit: string;
  open(pace: Pacer): Promise<OpenCache>;
  /** Keeps what is new of the files that a load used; `texts`: of those that were rendered already. Never fails. */
  keep(files: ReadonlyMap<string, KnownFile>, texts: ReadonlyMap<string, string>, pace: Pacer): Promise<void>;
}

/** Packs, and drafts that a crash left behind. */
const OWN = /\.(?:pack|draft)$/;

/** `folder` is the user's own; it is made when there is something to keep. */
export function openParseCache(folder: string, more: Partial<CacheLimits> = {}): ParseCache {
  const limits = { ...CACHE_LIMITS, ...more };
  const fit = fitOf();
  let known: ReadonlyMap<string, PackedFile> | undefined;
  return {
    folder,
    fit,
    async open(pace) {
      const packed = known ?? (await readPacks({ folder, fit, limits, pace }));
      known = packed;
      return {
        has: (blob) => packed.has(blob),
        find(blob) {
          const file = packed.get(blob);
          return file === undefined ? undefined : parseKnownFile(file.text, file.bytes);
        },
        bytes: (blob) => packed.get(blob)?.bytes,
      };
    },
    async keep(files, texts, pace) {
      const before = known ?? (await readPacks({ folder, fit, limits, pace }));
      const kept = [...files].filter(([, file]) => !file.isSensitive);
      const fresh = kept.filter(([blob]) => !before.has(blob));
      known = before;
      if (fresh.length < limits.newFiles) return;
      const old = (await orElse(readdir(folder), [])).filter((name) => OWN.test(name));
      const isCrowded = old.length > limits.packs;
      const written = await writePacks({ folder, fit, limits, pace }, isCrowded ? kept : fresh, texts);
      if (isCrowded) await Promise.all(old.map((name) => orElse(rm(join(folder, name), { force: true }), undefined)));
      known = new Map([...(isCrowded ? [] : before), ...written]);
    },
  };
}

/** Whatever decides what reading a file answers. */
function fitOf(): string {
  const schemas = Object.values(KINDS).map(({ kind, schema }) => [kind, schema]);
  return digestText(JSON.stringify([PARSE_VERSION, schemas, REFERENCES, MANIFEST_LIMITS])).slice("sha256:".length);
}

/** Enough for names of files; what a pack is of stands in its first line. */
function shortFit(fit: string): string {
  return fit.slice(0, 16);
}

interface Place {
  readonly folder: string;
  readonly fit: string;
  readonly limits: CacheLimits;
  readonly pace: Pacer;
}

async function readPacks({ folder, fit, limits, pace }: Place): Promise<ReadonlyMap<string, PackedFile>> {
  const files = new Map<string, PackedFile>();
  // Those of other versions need not be looked into.
  const names = (await orElse(readdir(folder), [])).filter((name) => name.startsWith(`${shortFit(fit)}-`));
  for (const name of names.slice(0, limits.packs * 2)) {
    const pack = await orElse(readBounded(join(folder, name), limits.readBytes), undefined);
    if (pack !== undefined) openPack(fit, pack, files);
    await pace();
  }
  return files;
}

/** In one piece: `readFile` reads half a megabyte at a time and puts the pieces together, in twice the time. */
export async function readBounded(file: string, maxBytes: number): Promise<Buffer | undefined> {
  const found = await stat(file);
  if (!found.isFile() || found.size > maxBytes) return undefined;
  const handle = await open(file);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafeSlow(found.size), 0, found.size, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** A cache that cannot be read or written is a cache that is not there. */
export async function orElse<T>(work: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error && "code" in error) return otherwise;
    throw error;
  }
}

/** Answers what is on disk now. */
async function writePacks(
  { folder, fit, limits, pace }: Place,
  files: readonly (readonly [string, KnownFile])[],
  texts: ReadonlyMap<string, string>,
): Promise<Map<string, PackedFile>> {
  const written = new Map<string, PackedFile>();
  let entries: PackEntry[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    const pack = renderPack(fit, entries);
    const done = await orElse(writeWhole(folder, pack, `${shortFit(fit)}-${randomUUID()}.pack`), false);
    if (done) openPack(fit, pack, written);
    [entries, size] = [[], 0];
  };
  for (const [blob, file] of files) {
    const text = texts.get(blob) ?? renderKnownFile(file);
    entries.push({ blob, bytes: file.bytes, text });
    size += file.bytes.length + text.length;
    if (size > limits.packBytes) await flush();
    await pace();
  }
  if (entries.length > 0) await flush();
  return written;
}

/** Whole, or not at all: whoever reads meanwhile has the file as it was. */
export async function writeWhole(folder: string, text: Buffer, name: string): Promise<true> {
  await makePrivateFolder(folder);
  const draft = join(folder, `${randomUUID()}.draft`);
  await writeFile(draft, text, { mode: 0o600, flag: "wx" });
  await rename(draft, join(folder, name));
  return true;
}
