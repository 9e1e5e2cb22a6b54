// What is said of a manifest's bytes before anybody parses them: too large, or stored elsewhere. Pure.
import { MANIFEST_LIMITS } from "../../../contracts/limits.ts";
import { hasErrors, type Problem } from "../../../contracts/problem.ts";
import type { SourceFile } from "../../load/desired-set.ts";
import { SOURCE_LIMITS } from "../limits.ts";
import { Unavailable } from "../unavailable.ts";

export function tooLargeFile(file: string): Problem {
  const limit = MANIFEST_LIMITS.fileBytes / 1024 / 1024;
  const summary = `\`${file}\` is larger than ${limit} MiB, so it is not read`;
  const detail = "Split it, or keep data that is no manifest in another folder.";
  return { severity: "error", code: "LIMIT", summary, detail, file, line: 1, column: 1 };
}

/** Throws {@link Unavailable} where a set is larger than anybody should hold in memory. */
export function ensureBounded(where: string, fileCount: number, bytes: number): void {
  const mend = "name a smaller folder";
  if (fileCount > MANIFEST_LIMITS.files) {
    const limit = MANIFEST_LIMITS.files.toLocaleString("en");
    throw new Unavailable("TOO_LARGE", `${where} holds more than ${limit} manifest files; ${mend}`);
  }
  if (bytes > SOURCE_LIMITS.contentBytes) {
    const limit = SOURCE_LIMITS.contentBytes / 1024 / 1024;
    throw new Unavailable("TOO_LARGE", `the manifests of ${where} have more than ${limit} MiB together; ${mend}`);
  }
}

const LFS_POINTER = Buffer.from("version https://git-lfs.github.com/spec/");

/** Sets aside the files whose text is not in Git. An error: what such a file declares would otherwise look deleted. */
export function setAsidePointers(files: readonly SourceFile[]): { files: readonly SourceFile[]; problems: Problem[] } {
  const pointers = files.filter(isPointer);
  if (pointers.length === 0) return { files, problems: [] };
  return { files: files.filter((file) => !isPointer(file)), problems: pointers.map(pointerProblem) };
}

function isPointer({ bytes }: SourceFile): boolean {
  return LFS_POINTER.equals(bytes.subarray(0, LFS_POINTER.length));
}

function pointerProblem({ path }: SourceFile): Problem {
  const summary = `\`${path}\` is a Git LFS pointer: its text is not in this repository, so it is not read`;
  const detail = "Take the file out of LFS: git lfs migrate export --include, and mend .gitattributes.";
  return { severity: "error", code: "UNSUPPORTED_FILE", summary, detail, file: path, line: 1, column: 1 };
}

/** Errors first where there are too many to show, so that none of them is lost in a crowd of warnings. */
export function boundProblems(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length <= SOURCE_LIMITS.problems) return problems;
  const errorsFirst = problems.toSorted((a, b) => Number(b.severity === "error") - Number(a.severity === "error"));
  const left = errorsFirst.slice(SOURCE_LIMITS.problems);
  const [first] = left;
  if (first === undefined) return problems;
  const summary = `${left.length} more files cannot be read, \`${first.file}\` among them`;
  const more: Problem = { ...first, severity: hasErrors(left) ? "error" : "warning", summary, detail: "" };
  return [...errorsFirst.slice(0, SOURCE_LIMITS.problems), more];
}
