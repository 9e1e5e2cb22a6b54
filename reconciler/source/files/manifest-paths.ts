// Which entries of a tree are manifests, and which are named as unreadable. One rule for commits and working trees, so
// that both read the same set. Pure.
import { MANIFEST_LIMITS } from "../../../contracts/limits.ts";
import type { Problem } from "../../../contracts/problem.ts";
import { runAtOnce } from "../../load/pacer.ts";
import { isPlainText, showPlainly } from "./plain-text.ts";

export interface TreeEntry {
  /** Relative to the folder that is read, with `/`; U+FFFD stands for bytes that are no UTF-8. */
  readonly path: string;
  readonly kind: "file" | "symlink" | "submodule" | "special";
}

export interface Selection<Entry extends TreeEntry> {
  readonly manifests: readonly Entry[];
  readonly problems: readonly Problem[];
}

const MANIFEST_NAME = /\.(?:ya?ml|json)$/i;
/** Names that git itself takes for its own folder on some file system, and names that climb. */
const DANGEROUS_SEGMENT = /^(?:\.{0,2}|\.git[ .]*|git~1)$/i;

/** Folders that hold no manifests: `.github`, `.countwheel`, `node_modules`, and every other hidden one. */
export function isSkippedName(name: string): boolean {
  return name.startsWith(".") || name === "node_modules";
}

export function isManifestName(name: string): boolean {
  return MANIFEST_NAME.test(name) && !name.startsWith(".");
}

/** `shown` makes the path that people see and open. */
export function selectManifests<Entry extends TreeEntry>(
  entries: readonly Entry[],
  shown: (path: string) => string,
): Selection<Entry> {
  return runAtOnce(selectInSteps(entries, shown));
}

const ENTRIES_PER_STEP = 1_000;

/** The same, yielding between steps of a few milliseconds. */
export function* selectInSteps<Entry extends TreeEntry>(
  entries: readonly Entry[],
  shown: (path: string) => string,
): Generator<void, Selection<Entry>> {
  const manifests: Entry[] = [];
  const problems = new Map<string, Problem>();
  for (const [index, entry] of entries.entries()) {
    const verdict = judge(entry);
    if (verdict === "manifest") manifests.push(entry);
    else if (verdict !== "other") problems.set(verdict.path, problemAt(shown(verdict.path), verdict));
    if (index % ENTRIES_PER_STEP === 0) yield;
  }
  return { manifests, problems: [...problems.values(), ...(yield* collisions(manifests, shown))] };
}

interface Objection extends Pick<Problem, "severity" | "code" | "detail"> {
  /** The entry, or the folder above it that is the cause: one problem for all that is in it. */
  readonly path: string;
  readonly what: string;
}

/** Nearly every path, told by one look: no dot but in its last name, and nothing that anybody takes for something else. */
const USUAL_PATH = new RegExp(
  `^(?:(?!node_modules/)[\\w-]+/){0,${MANIFEST_LIMITS.folderDepth}}[\\w-][\\w.-]*\\.(?:ya?ml|json)$`,
);

function judge(entry: TreeEntry): "manifest" | "other" | Objection {
  if (entry.kind === "file" && USUAL_PATH.test(entry.path)) return "manifest";
  const segments = entry.path.split("/");
  const dangerous = segments.findIndex((segment) => DANGEROUS_SEGMENT.test(withoutInvisible(segment)));
  if (dangerous !== -1)
    return badName(segments.slice(0, dangerous + 1).join("/"), "is a name that git keeps for itself");
  if (segments.some(isSkippedName)) return "other";
  if (entry.kind !== "file") return notAFile(entry);
  return judgeFile(entry.path, segments);
}

function judgeFile(path: string, segments: readonly string[]): "manifest" | "other" | Objection {
  if (!MANIFEST_NAME.test(withoutInvisible(path))) return "other";
  if (path.includes("\ufffd")) return badName(path, "is not valid UTF-8");
  if (!isPlainText(path)) return badName(path, "holds control or invisible characters");
  if (path.includes("\\")) return badName(path, "holds a backslash, which some systems take for a folder");
  if (segments.length - 1 > MANIFEST_LIMITS.folderDepth) return tooDeep(path);
  return "manifest";
}

function withoutInvisible(text: string): string {
  return isPlainText(text) ? text : text.replace(/[\p{Cc}\p{Cf}]/gu, "");
}

/** An error, not a warning: the file may declare something that would otherwise look deleted. */
function badName(path: string, why: string): Objection {
  const detail = "Rename it with plain letters, digits, `-`, `_` and `.`.";
  return { path, severity: "error", code: "UNSUPPORTED_FILE", what: `${why}, so it is not read`, detail };
}

function tooDeep(path: string): Objection {
  const what = `lies more than ${MANIFEST_LIMITS.folderDepth} folders deep, so it is not read`;
  return { path, severity: "error", code: "LIMIT", what, detail: "Move it up." };
}

function notAFile({ path, kind }: TreeEntry): Objection | "other" {
  const code = "UNSUPPORTED_FILE";
  switch (kind) {
    case "symlink": {
      const detail = MANIFEST_NAME.test(path)
        ? "The manifest that it points to is not read through it; put the manifest itself here."
        : "Countwheel follows no links; put the files themselves here if they are manifests.";
      return { path, severity: "warning", code, what: "is a symbolic link, so it is ignored", detail };
    }
    case "submodule":
      return {
        path,
        severity: "warning",
        code,
        what: "is a submodule, so it is ignored",
        detail: "Copy its manifests, or read its repository as an environment of its own.",
      };
    case "special":
      return MANIFEST_NAME.test(path)
        ? { path, severity: "warning", code, what: "is no regular file, so it is ignored", detail: "" }
        : "other";
    case "file":
      return "other";
  }
}

/** Paths with one key are one file where case or Unicode form does not count. */
export function collisionKey(path: string): string {
  return ASCII.test(path) ? path.toLowerCase() : path.normalize("NFC").toUpperCase().toLowerCase().normalize("NFC");
}

const ASCII = /^[ -~]*$/;

/** Where case or Unicode form does not count, a checkout would hold one of the two: the same commit, another set. */
function* collisions(manifests: readonly TreeEntry[], shown: (path: string) => string): Generator<void, Problem[]> {
  const first = new Map<string, string>();
  const problems: Problem[] = [];
  for (const [index, { path }] of manifests.entries()) {
    const key = collisionKey(path);
    const other = first.get(key);
    if (other === undefined) first.set(key, path);
    else problems.push(collision(shown(path), shown(other)));
    if (index % ENTRIES_PER_STEP === 0) yield;
  }
  return problems;
}

function collision(path: string, other: string): Problem {
  const what = `and \`${other}\` are one file where case or Unicode form does not count`;
  const objection = { path, severity: "error", code: "PATH_COLLISION", what, detail: "Rename one of them." } as const;
  return { ...problemAt(path, objection), related: { file: other, line: 1, column: 1 } };
}

function problemAt(file: string, { severity, code, what, detail }: Objection): Problem {
  const plain = showPlainly(file);
  return { severity, code, summary: `\`${plain}\` ${what}`, detail, file: plain, line: 1, column: 1 };
}
