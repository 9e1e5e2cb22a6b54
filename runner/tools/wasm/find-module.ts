// Finds the module that a manifest names, below the folders that this runner allows, and believes it by its digest alone.
import { createHash } from "node:crypto";
import { readFile, realpath, stat } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { PermanentFailure } from "../../../contracts/failure.ts";

const MAX_MODULE_BYTES = 64 * 1024 * 1024;

interface Wanted {
  /** As the manifest writes it: relative to one of the folders, or a path within one. */
  readonly module: string;
  readonly sha256: string | undefined;
}

/** Throws PermanentFailure: WASM_NOT_PINNED, WASM_UNAVAILABLE, WASM_MODULE_MISSING or WASM_MODULE_CHANGED. */
export async function findModule(
  label: string,
  { module, sha256 }: Wanted,
  folders: readonly string[],
): Promise<Buffer> {
  if (sha256 === undefined) {
    throw new PermanentFailure(
      "WASM_NOT_PINNED",
      `${label}: \`wasm.sha256\` is missing, and only a module that it names is run`,
    );
  }
  if (folders.length === 0) {
    throw new PermanentFailure("WASM_UNAVAILABLE", `${label}: this runner has no folder of modules (--wasm-dir)`);
  }
  const path = await pathOf(module, folders);
  if (path === undefined) {
    const where = folders.join(", ");
    throw new PermanentFailure(
      "WASM_MODULE_MISSING",
      `${label}: there is no module \`${module}\` in ${where} (--wasm-dir)`,
    );
  }
  const bytes = await readFile(path);
  const digest = createHash("sha256").update(bytes).digest("hex");
  if (digest === sha256.replace(/^sha256:/, "")) return bytes;
  const why = `\`${module}\` is not the module that was reviewed: its digest is sha256:${digest}`;
  throw new PermanentFailure("WASM_MODULE_CHANGED", `${label}: ${why}`);
}

/** Links are followed first: what lies elsewhere is not there. */
async function pathOf(module: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const root = await realpath(folder).catch(() => undefined);
    if (root === undefined) continue;
    const path = await realpath(resolve(root, module)).catch(() => undefined);
    if (path === undefined || !path.startsWith(join(root, sep))) continue;
    const found = await stat(path);
    if (found.isFile() && found.size <= MAX_MODULE_BYTES) return path;
  }
  return undefined;
}
