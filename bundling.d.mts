import type { BuildOptions } from "esbuild";

export const COMMON_JS: string;
export const BUNDLING: BuildOptions;
export const COMMAND_BUNDLING: BuildOptions;
