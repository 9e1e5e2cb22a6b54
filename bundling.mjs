// How esbuild bundles our code: the command, and the programs of tests, which are to run as the command does.
import { precompile } from "./precompile.mjs";

/** CommonJS packages within an ES module ask for these three. */
export const COMMON_JS = [
  'import { createRequire as __createRequire } from "node:module";',
  "const require = __createRequire(import.meta.url);",
  "const __filename = import.meta.filename, __dirname = import.meta.dirname;",
].join("\n");

export const BUNDLING = {
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "esm",
  legalComments: "none",
  charset: "utf8",
  logLevel: "warning",
};

export const COMMAND_BUNDLING = {
  ...BUNDLING,
  plugins: [precompile],
  splitting: true,
  // Else a literal of these becomes a call that compiles it again and again.
  supported: { "regexp-unicode-property-escapes": true, "regexp-lookbehind-assertions": true },
  // Not `keepNames`, which names every function again whenever it is made: a sixth of the time that a kept set takes.
  // The clients of other people's services stay where they are installed: they are large, few commands load them, and their
  // errors are told apart by names of classes, which a bundle may change.
  external: [
    "@anthropic-ai/sdk",
    "@modelcontextprotocol/client",
    "@grpc/grpc-js",
    "@modelcontextprotocol/sdk",
    "@octokit/*",
    "@pydantic/genai-prices",
    "openai",
    "pg",
    "protobufjs",
    "undici",
    "js-redis-server",
    "lua-redis-wasm",
  ],
  banner: { js: COMMON_JS },
};
