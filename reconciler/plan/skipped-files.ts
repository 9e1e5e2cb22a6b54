// Which files are there although nothing was read of them: what stood in one is not known to be gone. Pure.
import type { Change } from "../../contracts/plan.ts";
import type { Problem } from "../../contracts/problem.ts";
import type { LoadResult } from "../load/desired-set.ts";

/** Left out with a warning: a link, a submodule, a text that is no manifest (any more), a kind that is not ours. */
const SKIPPED: readonly Problem["code"][] = ["UNSUPPORTED_FILE", "NOT_A_MANIFEST", "UNKNOWN_KIND"];

/**
 * Files, and folders that files stood in, which are there but of which nothing was read. A document without a kind among
 * others that were read is hardly meant so: its file counts, too. Other systems' objects beside ours are usual. What lies
 * in a Helm chart's `templates` is passed over from the moment at which there is a `Chart.yaml`.
 */
export function skippedFiles({ set, problems }: LoadResult): (file: string) => boolean {
  const read = new Set(set.manifests.map(({ place }) => place.file));
  const unread = problems.filter(({ code, file }) => SKIPPED.includes(code) && !read.has(file));
  const partly = problems.filter(({ code }) => code === "NOT_A_MANIFEST");
  const skipped = new Set([...unread, ...partly].flatMap(({ file }) => [file, templatesOf(file)]));
  return (file) => skipped.has(file) || foldersOf(file).some((folder) => skipped.has(folder));
}

function templatesOf(file: string): string {
  return file.replace(/(?<=^|\/)Chart\.yaml$/, "templates");
}

/** `a/b/c.yaml` → `a`, `a/b`. */
function foldersOf(file: string): string[] {
  const names = file.split("/").slice(0, -1);
  return names.map((_name, index) => names.slice(0, index + 1).join("/"));
}

/** Unreadable is never empty. */
export function blockSkipped(change: Change): Change {
  const message = `\`${change.source.file}\`, where it stood, is there but is not read; mend the file, or delete it`;
  return { ...change, blocked: { code: "FILE_SKIPPED", message } };
}
