// Which files of a folder may hold manifests. The same for a commit and for a working tree, whoever reads them.
import type { SourceFile } from "./desired-set.ts";

const EXTENSION = /\.(?:ya?ml|json)$/i;

export function isSelected(path: string): boolean {
  return EXTENSION.test(path);
}

/**
 * By extension, sorted by path. The templates of Helm charts are no YAML before they are rendered. Hidden files and folders
 * are passed over by whoever lists the files: only there is it known which folder the user named.
 */
export function selectFiles(files: readonly SourceFile[]): SourceFile[] {
  const charts = files
    .filter(({ path }) => /(?:^|\/)Chart\.yaml$/.test(path))
    .map(({ path }) => path.slice(0, -"Chart.yaml".length));
  return files
    .filter(({ path }) => isSelected(path))
    .filter(({ path }) => !charts.some((folder) => path.startsWith(`${folder}templates/`)))
    .toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}
