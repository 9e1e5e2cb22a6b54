// Reads a patched manifest once more, as if it stood in a file: the same reader, the same rules, and places of its own.
import type { Digest } from "../../contracts/canonical.ts";
import { type Manifest, manifestDigest } from "../../contracts/manifest.ts";
import type { Place, Problem } from "../../contracts/problem.ts";
import { escapePointer } from "../../contracts/sensitive.ts";
import { runAtOnce } from "../load/pacer.ts";
import { type ReadingKit, readFile } from "../load/read-file.ts";

export interface Rechecked {
  readonly manifest: Manifest;
  readonly digest: Digest;
  readonly valid: boolean;
  readonly problems: readonly Problem[];
}

export interface RecheckInput {
  readonly manifest: Manifest;
  readonly locate: (pointer: string) => Place;
  /** The files that patches stand in: warnings about the rest were said when the manifest itself was read. */
  readonly overlayFiles: ReadonlySet<string>;
}

export function recheck({ manifest, locate, overlayFiles }: RecheckInput, kit: ReadingKit): Rechecked {
  const { text, pointers } = printByLine(manifest);
  const { manifests, problems } = runAtOnce(readFile(Buffer.from(text), kit));
  const found = problems
    // The frame would show lines that stand in no file.
    .map(({ frame: _frame, ...problem }): Problem => ({ ...problem, ...locate(pointers[problem.line - 1] ?? "") }))
    .filter(({ severity, file }) => severity === "error" || overlayFiles.has(file));
  const [read] = manifests;
  const checked = read?.manifest ?? manifest;
  const valid = read?.valid === true;
  return { manifest: checked, digest: manifestDigest(checked), valid, problems: found };
}

/** JSON with one value a line: which line is which value, by JSON pointer. */
function printByLine(value: unknown): { readonly text: string; readonly pointers: readonly string[] } {
  const lines: string[] = [];
  const pointers: string[] = [];
  const put = (line: string, pointer: string): void => {
    lines.push(line);
    pointers.push(pointer);
  };
  const print = (item: unknown, pointer: string, before: string, after: string): void => {
    const isList = Array.isArray(item);
    if (typeof item !== "object" || item === null || Object.keys(item).length === 0)
      return put(`${before}${JSON.stringify(item)}${after}`, pointer);
    put(`${before}${isList ? "[" : "{"}`, pointer);
    const entries = Object.entries(item).filter(([, below]) => below !== undefined);
    for (const [index, [key, below]] of entries.entries()) {
      const name = isList ? "" : `${JSON.stringify(key)}: `;
      print(below, `${pointer}/${escapePointer(key)}`, name, index < entries.length - 1 ? "," : "");
    }
    put(`${isList ? "]" : "}"}${after}`, pointer);
  };
  print(value, "", "", "");
  return { text: lines.join("\n"), pointers };
}
