// What a push was shown before it was let in: one small file between its two hooks. Only what was shown is applied.
import { createHash } from "node:crypto";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makePrivateFolder } from "../../reconciler/private-folder.ts";

export interface ShownPush {
  readonly env: string;
  readonly before: string | null;
  readonly after: string;
}

/** A push that was refused after its plan was shown, by another hook, leaves its note behind. */
const KEPT_MS = 3_600_000;

export async function noteShown(home: string, push: ShownPush, digest: string): Promise<void> {
  const folder = join(home, "pushes");
  await makePrivateFolder(folder);
  await forgetOld(folder);
  await writeFile(join(folder, nameOf(push)), digest, { mode: 0o600 });
}

/** The digest, once; undefined: nothing was shown that could be applied. */
export async function takeShown(home: string, push: ShownPush): Promise<string | undefined> {
  const file = join(home, "pushes", nameOf(push));
  try {
    const digest = await readFile(file, "utf8");
    await rm(file, { force: true });
    return digest;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** A hash: nothing in a name can lead elsewhere. */
function nameOf({ env, before, after }: ShownPush): string {
  return createHash("sha256")
    .update(JSON.stringify([env, before, after]))
    .digest("hex")
    .slice(0, 32);
}

async function forgetOld(folder: string): Promise<void> {
  const since = Date.now() - KEPT_MS;
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    // Another push may have taken it already.
    const found = await stat(file).catch(() => undefined);
    if (/^[0-9a-f]{32}$/.test(name) && found !== undefined && found.mtimeMs < since) await rm(file, { force: true });
  }
}
