// `init [dir] --blueprint …`: writes a working set of manifests to start from. Never overwrites a file.
import { readdir, readFile } from "node:fs/promises";
import { join, posix, relative, resolve, sep } from "node:path";
import { bundleSchema } from "../../contracts/editor-schema.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host, OutputFormat } from "../host.ts";
import { isOnGitHub, type WorkflowFacts, workflowFiles } from "../init-workflows.ts";
import { printJson, say } from "../output.ts";
import { packageRoot, readVersion } from "../package-facts.ts";
import { shellWord } from "../plan-source.ts";
import { repositoryRoot } from "../repository-root.ts";
import { printWritten, writeAllNew } from "../write-new.ts";

export interface InitOptions {
  readonly dir: string;
  /** A folder of examples/: the blueprints are the examples, so they cannot go out of date. */
  readonly blueprint: string;
  /** Absent: where the repository shows that it is on GitHub. */
  readonly workflows?: boolean;
  readonly output: OutputFormat;
}

/** Hidden, so that no reader of manifests looks into it; beside the manifests, so that an editor finds it by a relative path. */
const SCHEMA_FILE = ".schema/countwheel.json";

export async function runInit(host: Host, { dir, blueprint, workflows, output }: InitOptions): Promise<ExitCode> {
  const folder = resolve(host.cwd, dir);
  const files = new Map([
    ...(await readBlueprint(blueprint)),
    [SCHEMA_FILE, `${JSON.stringify(bundleSchema(), null, 2)}\n`],
  ]);
  const written = await writeAllNew(folder, files);
  const root = repositoryRoot(folder);
  const added = (workflows ?? isOnGitHub(root)) ? await writeAllNew(root, workflowFiles(factsOf(root, folder))) : [];
  if (output === "json") {
    const shown = { formatVersion: "1", dir: relative(host.cwd, folder) || ".", blueprint, files: written };
    printJson(host, { ...shown, workflows: added });
  } else {
    printWritten(host, dir, written);
    printWritten(host, relative(host.cwd, root), added);
    say(host, `Next: countwheel validate ${shellWord(dir)}, then countwheel up ${shellWord(dir)}`);
  }
  return EXIT.ok;
}

function factsOf(root: string, folder: string): WorkflowFacts {
  return { path: relative(root, folder).split(sep).join("/") || ".", version: readVersion() };
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
