// What Secrets may reach for in a process that resolves them: variables, folders, the age identities of sealed values, sops.
import { realpathSync } from "node:fs";
import { dirname, resolve, sep } from "node:path";
import { AgeKeys, type IdentitySources } from "../runner/secrets/age-keys.ts";
import type { SecretAccess } from "../runner/secrets/allowed.ts";
import { SopsFiles } from "../runner/secrets/sops-files.ts";
import type { Host } from "./host.ts";
import { UsageFailure } from "./output.ts";

export interface SecretFlags {
  readonly secretEnv?: readonly string[];
  readonly secretDir?: readonly string[];
  readonly ageIdentity?: readonly string[];
}

/** `patterns`: the variables that Secrets may name where the flags say nothing. */
export function secretAccess(
  host: Host,
  { secretEnv = [], secretDir = [], ageIdentity = [] }: SecretFlags,
  patterns: readonly string[],
): SecretAccess {
  const folders = secretDir.map((folder) => resolve(host.cwd, folder));
  const sources = identitySources(host, ageIdentity);
  for (const file of sources.files) keepOutside(file, folders);
  const variables = host.config.secretEnv;
  const ageKeys = new AgeKeys(sources);
  return {
    variables,
    variablePatterns: secretEnv.length > 0 ? secretEnv : patterns,
    folders,
    ageKeys,
    sopsFiles: new SopsFiles(variables, ageKeys, () => performance.now()),
  };
}

/** COUNTWHEEL_AGE_IDENTITY is text where it holds an identity, otherwise a file. */
export function identitySources(host: Host, files: readonly string[]): IdentitySources {
  const given = host.config.ageIdentity;
  const isText = given !== undefined && given.includes("AGE-SECRET-KEY-");
  const named = given === undefined || isText ? files : [...files, given];
  return { files: named.map((file) => resolve(host.cwd, file)), text: isText ? given : undefined };
}

/** A manifest that may name the file of an identity could hand it to a tool, and with it every sealed value. */
function keepOutside(file: string, folders: readonly string[]): void {
  const place = realFolder(dirname(file));
  for (const folder of folders) {
    const open = realFolder(folder);
    if (place === open || place.startsWith(open + sep))
      throw new UsageFailure(
        `the age identity \`${file}\` lies in --secret-dir \`${folder}\`, where Secrets could name it`,
      );
  }
}

function realFolder(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
