// Where this package stands on disk and which version it is: the same for sources run from cli/ and for dist/cli/.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const TOOL_NAME = "countwheel";

/** The folder that holds package.json, examples/ and action.yml. */
export function packageRoot(): string {
  const parent = dirname(import.meta.dirname);
  return existsSync(join(parent, "package.json")) ? parent : dirname(parent);
}

export function readVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8"));
  const version = typeof parsed === "object" && parsed !== null && "version" in parsed ? parsed.version : undefined;
  return typeof version === "string" ? version : "0.0.0";
}
