// The conformance suite as one file: as it is installed it takes three times as long to start, and needs a newer Node.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Plugin } from "esbuild";
import { type BuiltChild, buildChild } from "../built-child.ts";

const PACKAGE = createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json");
const PROGRAM = join(dirname(PACKAGE), "dist/index.js");

/** `globSync` of `fs`, which it imports for commands that are not used here, came with Node 22. */
const withoutGlob: Plugin = {
  name: "without-glob",
  setup(build) {
    build.onLoad({ filter: /conformance[\\/]dist[\\/]index\.js$/ }, async ({ path }) => {
      return { contents: (await readFile(path, "utf8")).replace(/globSync as [^,]+,/, ""), loader: "js" };
    });
  },
};

export function buildSuite(): Promise<BuiltChild> {
  return buildChild(PROGRAM, "bundle", [withoutGlob]);
}
