// Bundles the command into dist/cli: one file for what every command needs, and one for each part that only some load. Of
// three hundred small modules Node spends longer on finding than on running. `npm run build`.
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { BUNDLING, COMMAND_BUNDLING } from "./bundling.mjs";

const root = import.meta.dirname;
const OUT = "dist";
const LICENSES = "LICENSES.txt";
const PLACE = { absWorkingDir: root, outdir: OUT, metafile: true };

const command = await build({
  ...COMMAND_BUNDLING,
  ...PLACE,
  // All in one folder: what is found beside a module (the reader's thread) is beside every file that it may end up in.
  entryPoints: [
    { in: "cli/main.ts", out: "cli/main" },
    { in: "reconciler/load/crew/read-worker.ts", out: "cli/read-worker" },
  ],
  chunkNames: "cli/[name]-[hash]",
});
// One file and nothing beside it: it is all that a sandbox sees of us.
const guestHost = await build({
  ...BUNDLING,
  ...PLACE,
  entryPoints: [{ in: "runner/tools/wasm/guest-host.ts", out: "cli/guest-host" }],
});
const sources = [command, guestHost].flatMap(({ metafile }) => Object.keys(metafile.inputs));
const outputs = [command, guestHost].flatMap(({ metafile }) => Object.keys(metafile.outputs));
await writeFile(join(root, OUT, LICENSES), await licenses(sources));
await removeOthers(new Set([...outputs, `${OUT}/${LICENSES}`]));

/** What an earlier build left. */
async function removeOthers(written) {
  const found = await readdir(join(root, OUT), { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const left = files.filter((file) => !written.has(file.slice(root.length + 1)));
  await Promise.all(left.map((file) => rm(file)));
}

/** The licenses of all packages of which there is code in the files. */
async function licenses(inputs) {
  const folders = new Set(inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []));
  const texts = await Promise.all([...folders].map((folder) => licenseOf(join(root, folder))));
  return `Countwheel comes with code of these packages.\n\n${texts.join("\n\n")}\n`;
}

async function licenseOf(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const file = (await readdir(folder)).find((found) => /^licen[cs]e/i.test(found));
  const text = file === undefined ? `License: ${license}` : await readFile(join(folder, file), "utf8");
  return `${name} ${version}\n\n${text.trim()}`;
}
