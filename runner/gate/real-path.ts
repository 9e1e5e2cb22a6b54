// Where a path of this machine really leads. What does not exist yet leads where its nearest existing folder does.
import { realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** null: it cannot be followed (no permission, a circle of links), so nobody can say. */
export async function realPath(path: string): Promise<string | null> {
  try {
    return await realpath(path);
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const parent = dirname(path);
    if (!isMissing || parent === path) return null;
    const real = await realPath(parent);
    return real === null ? null : join(real, basename(path));
  }
}
