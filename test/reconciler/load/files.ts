// Builds the files of a set from texts, and shows a result in few words.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadResult, SourceFile } from "../../../reconciler/load/desired-set.ts";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { KIT } from "../../reading-kit.ts";

export function file(path: string, content: string | Uint8Array): SourceFile {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return { path, blob: createHash("sha1").update(bytes).digest("hex"), bytes };
}

/** Every text is a file `<n>.yaml`. */
export function load(...texts: readonly string[]): Promise<LoadResult> {
  return createLoader({}, KIT).load(texts.map((text, index) => file(`${index + 1}.yaml`, text)));
}

/** The files of a folder, as a source would list them. */
export function folderFiles(folder: string): SourceFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map((entry) => file(join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name))));
}

/** `error CODE line:column summary`, one a problem. */
export function told(result: LoadResult): string[] {
  return result.problems.map(
    ({ severity, code, line, column, summary }) => `${severity} ${code} ${line}:${column} ${summary}`,
  );
}

export function errorCodes(result: LoadResult): string[] {
  return result.problems.filter(({ severity }) => severity === "error").map(({ code }) => code);
}

/** The spec of the only manifest. */
export function specIn(result: LoadResult): Readonly<Record<string, unknown>> | undefined {
  return result.set.manifests[0]?.manifest.spec;
}

export const MODEL = "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n";
