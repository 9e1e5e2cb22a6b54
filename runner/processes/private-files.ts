// Files with secrets for programs that can read them from nowhere else: in folders that only this user may enter, in memory
// where the machine has such a place, removed with the program that they were for.
import { chmod, lstat, mkdir, mkdtemp, readdir, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { hasGone, ownerName } from "./owner.ts";

export interface PrivateFile {
  /** Below the folder. */
  readonly name: string;
  readonly text: string;
  /** For a program that runs as another user, in a container that sees this file and not the folder. */
  readonly isForOthers?: boolean;
}

export interface PrivateFolder {
  readonly path: string;
  /** Safe to call twice. */
  remove(): Promise<void>;
}

const PREFIX = "countwheel-secrets-";
const TMPFS = 0x01021994;

export class PrivateFiles {
  readonly #places: readonly string[];
  #place: Promise<string> | undefined;

  /** `runtimeDir`: XDG_RUNTIME_DIR of this process, if it has one. */
  constructor(runtimeDir: string | undefined) {
    this.#places = [...(runtimeDir === undefined ? [] : [runtimeDir]), "/dev/shm"];
  }

  async write(files: readonly PrivateFile[]): Promise<PrivateFolder> {
    const place = await this.#find();
    // Its name cannot be guessed, and nobody else may enter it.
    const path = await mkdtemp(join(place, `${PREFIX}${ownerName()}-`));
    const remove = (): Promise<void> => rm(path, { recursive: true, force: true });
    try {
      for (const { name, text, isForOthers = false } of files) {
        const file = join(path, name);
        await mkdir(dirname(file), { recursive: true, mode: 0o700 });
        await writeFile(file, text, { flag: "wx", mode: 0o600 });
        await chmod(file, isForOthers ? 0o444 : 0o400);
      }
      return { path, remove };
    } catch (error) {
      await remove();
      throw error;
    }
  }

  /** What processes have left that were killed, and whose watch was killed with them. */
  async sweep(): Promise<void> {
    const place = await this.#find();
    for (const name of await readdir(place)) {
      const owner = name.startsWith(PREFIX) ? name.slice(PREFIX.length, name.lastIndexOf("-")) : "";
      if (owner !== "" && hasGone(owner) && (await isOurs(join(place, name))))
        await rm(join(place, name), { recursive: true, force: true });
    }
  }

  #find(): Promise<string> {
    this.#place ??= findPlace(this.#places);
    return this.#place;
  }
}

/** In memory where there is such a place: what was deleted from a disk may still be read from it. */
async function findPlace(places: readonly string[]): Promise<string> {
  for (const place of places) {
    if (await isInMemory(place)) return place;
  }
  return tmpdir();
}

async function isInMemory(place: string): Promise<boolean> {
  try {
    if ((await statfs(place)).type !== TMPFS) return false;
    const probe = await mkdtemp(join(place, "countwheel-probe-"));
    await rm(probe, { recursive: true });
    return true;
  } catch {
    return false;
  }
}

async function isOurs(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isDirectory() === true && found.uid === process.getuid?.();
}
