// Builds what tests start as processes, once for all of them: the command, and the programs of their own.
import { execFile } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { COMMAND_BUNDLING } from "../bundling.mjs";
import { CHILDREN, CHILDREN_FOLDER } from "./children.ts";

const root = join(import.meta.dirname, "..");

export async function setup(): Promise<void> {
  await Promise.all([promisify(execFile)(process.execPath, [join(root, "build.mjs")]), buildChildren()]);
}

export async function buildChildren(): Promise<void> {
  const { metafile } = await build({
    ...COMMAND_BUNDLING,
    absWorkingDir: root,
    entryPoints: CHILDREN.map((source) => ({ in: `test/${source}`, out: basename(source, ".ts") })),
    outdir: CHILDREN_FOLDER,
    outExtension: { ".js": ".mjs" },
    metafile: true,
  });
  // Only what an earlier build left goes: another run of the tests may be at work with the rest.
  const made = new Set(Object.keys(metafile.outputs).map((path) => basename(path)));
  const left = (await readdir(CHILDREN_FOLDER)).filter((name) => !made.has(name));
  await Promise.all(left.map((name) => rm(join(CHILDREN_FOLDER, name))));
}
