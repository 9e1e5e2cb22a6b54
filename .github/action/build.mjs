// Bundles the Action into one file, .github/action/index.mjs, which GitHub runs as it is: no install, no build there.
// `node .github/action/build.mjs` writes it; with `--out <file>` elsewhere, so that a test can compare the bytes.
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { BUNDLING, COMMON_JS } from "../../bundling.mjs";
import { precompile } from "../../precompile.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values } = parseArgs({ options: { out: { type: "string", default: `${root}.github/action/index.mjs` } } });

await build({
  // GitHub runs it on Node 24; people try it, and our tests run it, on the oldest Node that Countwheel supports.
  ...BUNDLING,
  absWorkingDir: root,
  entryPoints: ["cli/action.ts"],
  outfile: values.out,
  plugins: [precompile],
  minify: true,
  // Names of classes are part of what failures say.
  keepNames: true,
  banner: { js: `// Made by .github/action/build.mjs from cli/action.ts: do not edit.\n${COMMON_JS}` },
});
