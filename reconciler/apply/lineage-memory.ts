// Remembers, outside of Redis, which state this machine has applied to: so that a Redis that was flushed or swapped is
// not taken for an environment without a state, where everything is new and every Task runs again.
import { createHash, randomUUID } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { StateHead } from "../../contracts/record.ts";
import { makePrivateFolder } from "../private-folder.ts";

/** Of one environment on one server. */
export interface LineageMemory {
  /** null: nothing was applied from here, so whatever the server holds is believed. */
  recall(): Promise<string | null>;
  /** The commit that was applied last from here; null where nothing was, or what was is no commit. */
  recallCommit(): Promise<string | null>;
  /** How far that state had come; null where nobody knows. */
  recallSerial(): Promise<number | null>;
  remember(head: RememberedHead): Promise<void>;
  /** What the server holds now is to be believed from here on. */
  forget(): Promise<void>;
}

export type RememberedHead = Pick<StateHead, "lineage" | "serial" | "commit">;

/** The state is another than the one that was applied to, or one of its past. `is` null: there is none. */
export interface Replaced {
  readonly was: string;
  readonly is: string | null;
  /** Of the same lineage: the serial that was applied from here, and the one that is there now. */
  readonly serial?: { readonly was: number; readonly is: number };
}

export async function findReplaced(memory: LineageMemory, head: StateHead | null): Promise<Replaced | null> {
  const was = await memory.recall();
  const is = head?.lineage ?? null;
  if (was !== null && was !== is) return { was, is };
  const known = await memory.recallSerial();
  if (was === null || head === null || known === null || head.serial >= known) return null;
  return { was, is, serial: { was: known, is: head.serial } };
}

export function replacedText({ was, is, serial }: Replaced): string {
  if (serial !== undefined) {
    return `the state is older than the one that was applied to from here: #${serial.was} was applied, and now it is at #${serial.is}. Was the Redis restored from a backup, or did it lose writes?`;
  }
  const found = is === null ? "now there is none" : `now it is \`${is}\``;
  return `the state is not the one that was applied to from here: its lineage was \`${was}\`, ${found}. Was the Redis flushed, restored or swapped?${is === null ? " `countwheel rebuild` brings a lost state back from Git, `countwheel import` from an export." : ""}`;
}

interface Note {
  readonly lineage: string;
  readonly commit: string | null;
  /** null: an older version wrote the note. */
  readonly serial: number | null;
}

/** As long as this process lives: for a machine that keeps nothing, such as the runner of a CI job. */
export function processLineageMemory(): LineageMemory {
  let known: Note | null = null;
  return {
    recall: async () => known?.lineage ?? null,
    recallCommit: async () => known?.commit ?? null,
    recallSerial: async () => known?.serial ?? null,
    remember: async ({ lineage, commit, serial }) => void (known = { lineage, commit, serial }),
    forget: async () => void (known = null),
  };
}

export interface LineageFileOptions {
  readonly folder: string;
  readonly env: string;
  /** Which server: an environment may live on several. Only its hash is kept. */
  readonly server: string;
  /** One line for the operator. */
  readonly say: (line: string) => void;
}

/** One small file, replaced by a rename. Its name is a hash: nothing in an environment's name can lead elsewhere. */
export function fileLineageMemory({ folder, env, server, say }: LineageFileOptions): LineageMemory {
  const id = createHash("sha256")
    .update(JSON.stringify([env, server]))
    .digest("hex")
    .slice(0, 32);
  const file = join(folder, `${id}.json`);
  return {
    recall: async () => (await readNote(file))?.lineage ?? null,
    recallCommit: async () => (await readNote(file))?.commit ?? null,
    recallSerial: async () => (await readNote(file))?.serial ?? null,
    async remember({ lineage, commit, serial }) {
      const known = await readNote(file);
      if (known?.lineage === lineage && known.commit === commit && known.serial === serial) return;
      const text = `${JSON.stringify({ formatVersion: "1", env, lineage, commit, serial }, null, 2)}\n`;
      // The apply stands, whether or not this machine can keep a note of it.
      await replaceFile(folder, file, text).catch((error: unknown) => {
        say(`the lineage of environment ${env} cannot be remembered in ${file}: ${String(error)}`);
      });
    },
    forget: () => rm(file, { force: true }),
  };
}

async function replaceFile(folder: string, file: string, text: string): Promise<void> {
  await makePrivateFolder(folder);
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, text, { mode: 0o600, flag: "wx", flush: true });
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}

/** A note that cannot be read is no permission: who believes the server all the same says so. */
async function readNote(file: string): Promise<Note | null> {
  try {
    const value: unknown = JSON.parse(await readFile(file, "utf8"));
    if (typeof value === "object" && value !== null && "lineage" in value && typeof value.lineage === "string") {
      const commit = "commit" in value && typeof value.commit === "string" ? value.commit : null;
      const serial = "serial" in value && typeof value.serial === "number" ? value.serial : null;
      return { lineage: value.lineage, commit, serial };
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw unreadable(file, error);
  }
  throw unreadable(file);
}

function unreadable(file: string, cause?: unknown): PermanentFailure {
  const text = `${file}, which remembers the state that was applied to, cannot be read; mend it, or go on with --accept-new-state`;
  return new PermanentFailure("LINEAGE_UNREADABLE", text, { cause });
}
