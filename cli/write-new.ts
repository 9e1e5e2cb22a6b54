// Writes files that a command gives people to go on with, and never over one that is there.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { PermanentFailure } from "../contracts/failure.ts";
import type { Host } from "./host.ts";
import { paintFor } from "./output.ts";

export interface Written {
  readonly path: string;
  readonly how: "written" | "kept";
}

/** Paths below `folder` → texts. */
export async function writeAllNew(folder: string, files: ReadonlyMap<string, string>): Promise<Written[]> {
  const written: Written[] = [];
  for (const [path, text] of files) written.push({ path, how: await writeNew(resolve(folder, path), text) });
  return written;
}

async function writeNew(file: string, text: string): Promise<Written["how"]> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text, { flag: "wx" });
    return "written";
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") return "kept";
    throw new PermanentFailure("WRITE_FAILED", `\`${file}\` cannot be written`, { cause });
  }
}

export function printWritten(host: Host, dir: string, written: readonly Written[]): void {
  const paint = paintFor(host.stdout, host.config.color);
  for (const { path, how } of written) {
    const mark = how === "written" ? paint("green", "+") : paint("yellow", "=");
    host.stdout.write(`  ${mark} ${join(dir, path)}${how === "kept" ? "   kept: it exists" : ""}\n`);
  }
}
