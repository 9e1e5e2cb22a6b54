// A plugin of esbuild: what would be compiled at each start is compiled by the build. Of a plan of a few files that is a third.
import { join } from "node:path";
import { Ajv } from "ajv";
import standalone from "ajv/dist/standalone/index.js";
import { build } from "esbuild";

const root = import.meta.dirname;

/**
 * Puts ready validators in the place of reconciler/load/kind-validators.ts, and a call that esbuild can follow in that of
 * contracts/proto/library.ts.
 */
export const precompile = {
  name: "precompile",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]reconciler[\\/]load[\\/]kind-validators\.ts$/ }, async () => {
      const [{ KINDS }, { OPTIONS }] = await Promise.all(["kinds.ts", "own-schema.ts"].map(importContract));
      return { contents: readyValidators(Object.values(KINDS), OPTIONS), loader: "js", resolveDir: root };
    });
    onLoad({ filter: /[\\/]contracts[\\/]proto[\\/]library\.ts$/ }, () => ({
      contents: 'export function loadProtobuf() { return require("protobufjs"); }',
      loader: "js",
      resolveDir: root,
    }));
  },
};

function readyValidators(kinds, options) {
  const ajv = new Ajv({ ...options, code: { source: true, esm: true } });
  for (const { kind, schema } of kinds) ajv.addSchema(schema, kind);
  const names = kinds.map(({ kind }) => kind);
  const code = standalone.default(ajv, Object.fromEntries(names.map((name) => [name, name])));
  return `${code}
const validators = { ${names.join(", ")} };
export function kindValidator(kind) { return validators[kind]; }
`;
}

async function importContract(file) {
  const { outputFiles } = await build({
    entryPoints: [join(root, "contracts", file)],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    logLevel: "warning",
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}
