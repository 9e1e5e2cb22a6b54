// Which files of a folder may hold manifests. The same for a commit and for a working tree, whoever reads them.
import type { SourceFile } from "./desired-set.ts";

const EXTENSION = /\.(?:ya?ml|json)$/i;

/**
 * By extension, sorted by path. Hidden files and folders (`.github`, `.schema`, our own `.countwheel`), installed
 * packages and the templates of Helm charts, which are no YAML before they are rendered, never hold manifests.
 */
export function selectFiles(files: readonly SourceFile[]): SourceFile[] {
  const charts = files
    .filter(({ path }) => /(?:^|\/)Chart\.yaml$/.test(path))
    .map(({ path }) => path.slice(0, -"Chart.yaml".length));
  return files
    .filter(({ path }) => EXTENSION.test(path) && !isHidden(path))
    .filter(({ path }) => !charts.some((folder) => path.startsWith(`${folder}templates/`)))
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** `..` leads out of the folder that a person stands in, and hides nothing. */
function isHidden(path: string): boolean {
  return path
    .split("/")
    .some((part) => part === "node_modules" || (part.startsWith(".") && part !== "." && part !== ".."));
}
