// Bundles the Action into one file, .github/action/index.mjs, which GitHub runs as it is: no install, no build there.
// `node .github/action/build.mjs` writes it; with `--out <file>` elsewhere, so that a test can compare the bytes.
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { precompile } from "../../precompile.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values } = parseArgs({ options: { out: { type: "string", default: `${root}.github/action/index.mjs` } } });

await build({
  absWorkingDir: root,
  entryPoints: ["cli/action.ts"],
  outfile: values.out,
  bundle: true,
  plugins: [precompile],
  platform: "node",
  // GitHub runs it on Node 24; people try it, and our tests run it, on the oldest Node that Countwheel supports.
  target: "node20.19",
  format: "esm",
  minify: true,
  // Names of classes are part of what failures say.
  keepNames: true,
  legalComments: "none",
  charset: "utf8",
  logLevel: "warning",
  // CommonJS packages within an ES module ask for these three.
  banner: {
    js: [
      "// Made by .github/action/build.mjs from cli/action.ts: do not edit.",
      'import { createRequire as __createRequire } from "node:module";',
      "const require = __createRequire(import.meta.url);",
      "const __filename = import.meta.filename, __dirname = import.meta.dirname;",
    ].join("\n"),
  },
});
