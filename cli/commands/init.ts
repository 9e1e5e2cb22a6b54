// `init [dir] --blueprint …`: writes a working set of manifests to start from. Never overwrites a file.
import { readdir, readFile } from "node:fs/promises";
import { join, posix, relative, resolve, sep } from "node:path";
import { bundleSchema } from "../../contracts/editor-schema.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host, OutputFormat } from "../host.ts";
import { printJson, say } from "../output.ts";
import { packageRoot } from "../package-facts.ts";
import { shellWord } from "../plan-source.ts";
import { printWritten, writeAllNew } from "../write-new.ts";

export interface InitOptions {
  readonly dir: string;
  /** A folder of examples/: the blueprints are the examples, so they cannot go out of date. */
  readonly blueprint: string;
  readonly output: OutputFormat;
}

/** Hidden, so that no reader of manifests looks into it; beside the manifests, so that an editor finds it by a relative path. */
const SCHEMA_FILE = ".schema/countwheel.json";

export async function runInit(host: Host, { dir, blueprint, output }: InitOptions): Promise<ExitCode> {
  const folder = resolve(host.cwd, dir);
  const files = new Map([
    ...(await readBlueprint(blueprint)),
    [SCHEMA_FILE, `${JSON.stringify(bundleSchema(), null, 2)}\n`],
  ]);
  const written = await writeAllNew(folder, files);
  if (output === "json")
    printJson(host, { formatVersion: "1", dir: relative(host.cwd, folder) || ".", blueprint, files: written });
  else {
    printWritten(host, dir, written);
    say(host, `Next: countwheel validate ${shellWord(dir)}, then countwheel up ${shellWord(dir)}`);
  }
  return EXIT.ok;
}

async function readBlueprint(blueprint: string): Promise<ReadonlyMap<string, string>> {
  const folder = join(packageRoot(), "examples", blueprint);
  const names = await readdir(folder, { recursive: true });
  const files = names.filter((name) => /\.(?:ya?ml|md)$/.test(name)).toSorted();
  const texts = files.map(async (name) => {
    const path = name.split(sep).join("/");
    return [path, withSchemaLine(path, await readFile(join(folder, name), "utf8"))] as const;
  });
  return new Map(await Promise.all(texts));
}

/** What editors with the YAML language server look for in the first line. */
function withSchemaLine(path: string, text: string): string {
  if (!/\.ya?ml$/.test(path)) return text;
  return `# yaml-language-server: $schema=${posix.relative(posix.dirname(path), SCHEMA_FILE)}\n${text}`;
}
