// A program of the tests as users run ours: bundled. Run from its sources by tsx, it takes twice as long to start, and every
// function is named again whenever it is made, which costs a runner a fifth of its time.
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build, type Plugin } from "esbuild";
import { BUNDLING, COMMON_JS } from "../bundling.mjs";

const ROOT = join(import.meta.dirname, "..");

export interface BuiltChild {
  /** What node is to run. */
  readonly program: string;
  remove(): Promise<void>;
}

/** `packages`: whether they are bundled, too, or stay where they are installed. */
export async function buildChild(
  source: string,
  packages: "bundle" | "external",
  plugins: readonly Plugin[] = [],
): Promise<BuiltChild> {
  const folder = await mkdtemp(join(tmpdir(), "cw-built-child-"));
  const program = join(folder, "child.mjs");
  await build({
    entryPoints: [resolve(ROOT, source)],
    outfile: program,
    ...BUNDLING,
    packages,
    plugins: [...plugins],
    ...(packages === "bundle" ? { banner: { js: COMMON_JS } } : {}),
  });
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return { program, remove: () => rm(folder, { recursive: true, force: true }) };
}
