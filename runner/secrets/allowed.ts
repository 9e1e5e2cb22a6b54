// What Secrets may reach for on this runner: which environment variables, and files in which folders.
import type { BigIntStats } from "node:fs";
import { readFile, realpath, stat } from "node:fs/promises";
import { isAbsolute, resolve, sep } from "node:path";
import type { AgeKeys } from "./age-keys.ts";
import type { SopsFiles } from "./sops-files.ts";

export interface SecretAccess {
  /** The environment as values: only names that match a pattern are ever read from it. */
  readonly variables: Readonly<Record<string, string>>;
  /** `*` stands for any characters. */
  readonly variablePatterns: readonly string[];
  /** Absolute folders. Empty: no files. */
  readonly folders: readonly string[];
  /** Opens sealed values; undefined: it has no identity. */
  readonly ageKeys?: Pick<AgeKeys, "open"> | undefined;
  /** Opens files that SOPS has encrypted; undefined: none is opened. */
  readonly sopsFiles?: Pick<SopsFiles, "open"> | undefined;
}

export const DEFAULT_VARIABLE_PATTERNS: readonly string[] = ["*_API_KEY", "COUNTWHEEL_SECRET_*"];

/** `missing`: allowed, but not there. `refused`: not allowed here, or for the reason of `code`. */
export type Lookup =
  | { readonly outcome: "found"; readonly value: string }
  | { readonly outcome: "missing"; readonly why: string }
  | { readonly outcome: "refused"; readonly why: string; readonly code?: string };

export function readVariable(name: string, { variables, variablePatterns }: SecretAccess): Lookup {
  if (!variablePatterns.some((pattern) => matchesPattern(pattern, name))) {
    const why = `the runner does not allow the variable \`${name}\` (allowed: ${variablePatterns.join(", ")}; see --secret-env)`;
    return { outcome: "refused", why };
  }
  const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
  if (value === undefined || value === "")
    return { outcome: "missing", why: `set the variable \`${name}\` for the runner` };
  return { outcome: "found", value };
}

const MAX_FILE_BYTES = 1024 * 1024;

export async function readSecretFile(path: string, access: Pick<SecretAccess, "folders">): Promise<Lookup> {
  const found = await findSecretFile(path, access);
  if (found.outcome !== "found") return found;
  try {
    const bytes = await readFile(found.file);
    // Editors and `echo` end files with a line break that is no part of the secret.
    return { outcome: "found", value: bytes.toString("utf8").replace(/\r?\n$/, "") };
  } catch {
    return noFile(path);
  }
}

export type FoundFile =
  | { readonly outcome: "found"; readonly file: string; readonly state: BigIntStats }
  | Exclude<Lookup, { readonly outcome: "found" }>;

/**
 * `file` is where the path leads after all links, and judged by that: a link in the folder is no way out of it. `state`
 * tells whether it has changed.
 */
export async function findSecretFile(path: string, { folders }: Pick<SecretAccess, "folders">): Promise<FoundFile> {
  for (const folder of folders) {
    const found = await findWithin(folder, isAbsolute(path) ? path : resolve(folder, path));
    if (found !== undefined) return found;
  }
  const allowed = folders.length === 0 ? "none" : folders.join(", ");
  return {
    outcome: "refused",
    why: `the runner does not allow the file \`${path}\` (allowed folders: ${allowed}; see --secret-dir)`,
  };
}

/** Undefined where the path leads out of the folder. */
async function findWithin(folder: string, path: string): Promise<FoundFile | undefined> {
  if (!isWithin(resolve(folder), resolve(path))) return undefined;
  try {
    const file = await realpath(path);
    if (!isWithin(await realpath(folder), file)) return undefined;
    const state = await stat(file, { bigint: true });
    if (!state.isFile()) return noFile(path);
    if (state.size > MAX_FILE_BYTES)
      return { outcome: "refused", why: `the file \`${path}\` is larger than ${MAX_FILE_BYTES} bytes` };
    return { outcome: "found", file, state };
  } catch {
    return noFile(path);
  }
}

function noFile(path: string): Extract<Lookup, { outcome: "missing" }> {
  return { outcome: "missing", why: `put it into the file \`${path}\`, readable for the runner` };
}

function isWithin(folder: string, path: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** Only `*` means something, and runs of it cannot explode: each part is looked for once. */
function matchesPattern(pattern: string, name: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  let from = first.length;
  for (const part of rest) {
    const at = name.indexOf(part, from);
    if (at === -1 || at + part.length > name.length - last.length) return false;
    from = at + part.length;
  }
  return true;
}
