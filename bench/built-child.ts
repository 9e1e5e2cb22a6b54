// A runner's program as users run it: bundled, as the command is. Run from its sources by tsx, every function is named
// again whenever it is made, which costs a runner a fifth of its time.
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";

const ROOT = join(import.meta.dirname, "..");

/** `body` gets what node is to run. */
export async function withBuiltChild(body: (program: readonly string[]) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "cw-bench-child-"));
  const outfile = join(folder, "runner-child.mjs");
  try {
    await build({
      entryPoints: [join(ROOT, "test/runner/runner-child.ts")],
      outfile,
      bundle: true,
      platform: "node",
      target: "node20.19",
      format: "esm",
      packages: "external",
      logLevel: "warning",
    });
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
    await body([outfile]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
