// Makes a folder for what Countwheel keeps on this machine: the user's own, and no part of the repository it lies in.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

export async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await writeFile(join(folder, ".gitignore"), "*\n", { flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}
