import type { Plugin } from "esbuild";

export const precompile: Plugin;
