// Makes problems of findings: line, column and code frame. Decides which lines of a file a frame may show.
import { type Manifest, manifestAddress } from "../../contracts/manifest.ts";
import { mayHoldCredential, sensitivePaths } from "../../contracts/sensitive.ts";
import { codeFrame } from "./code-frame.ts";
import type { DocumentReader } from "./document-reader.ts";
import type { Finding, Span } from "./finding.ts";
import type { Lines } from "./lines.ts";
import type { FileProblem } from "./read-file.ts";

/** One document with what was found in it. */
export interface Examined {
  readonly reader: DocumentReader;
  readonly lines: Lines;
  readonly span: Span;
  readonly manifest?: Manifest | undefined;
  /** Its errors leave open what its lines mean. */
  readonly broken: boolean;
}

export function toProblem(finding: Finding, lines: Lines): FileProblem {
  const { severity, code, summary, detail, span } = finding;
  return { severity, code, summary, detail, ...lines.at(span.start) };
}

export function toProblems(documents: readonly Examined[], text: string): FileProblem[] {
  if (documents.every(({ reader }) => reader.findings.length === 0)) return [];
  const shown = text.split(/\r?\n/);
  const hidden = hiddenLines(documents, text);
  const isHidden = (line: number): boolean => hidden(line) || mayHoldCredential(shown[line - 1] ?? "");
  return documents.flatMap(({ reader, lines, manifest }) =>
    reader.findings.map((finding) => {
      const range = { start: lines.at(finding.span.start), end: lines.at(finding.span.end) };
      const frame = TOLD_WITHOUT_LINES.includes(finding.code) ? undefined : codeFrame(shown, range, isHidden);
      const address = manifest === undefined ? {} : { address: manifestAddress(manifest) };
      return { ...toProblem(finding, lines), ...address, ...(frame === undefined ? {} : { frame }) };
    }),
  );
}

/** What they are about must not be shown. */
const TOLD_WITHOUT_LINES: readonly Finding["code"][] = ["PLAINTEXT_SECRET", "LIKELY_CREDENTIAL"];

/** Also SealedSecrets and those of Kubernetes, in YAML and in JSON. */
export const SECRET_KIND = /["']?kind["']?\s*:\s*["']?\w*secret/i;

/**
 * Every line of a Secret, and the lines of literal credentials elsewhere. Where a document cannot be parsed nobody knows
 * where it ends, so one broken Secret hides the whole file.
 */
function hiddenLines(documents: readonly Examined[], text: string): (line: number) => boolean {
  if (documents.some(({ broken }) => broken) && SECRET_KIND.test(text)) return () => true;
  const ranges = documents.flatMap(hiddenRanges);
  return (line) => ranges.some(([first, last]) => line >= first && line <= last);
}

function hiddenRanges({ reader, lines, span, manifest }: Examined): (readonly [number, number])[] {
  const range = (of: Span): readonly [number, number] => [lines.at(of.start).line, lines.at(of.end).line];
  if (SECRET_KIND.test(reader.source(span))) return [range(span)];
  const found = reader.findings
    .filter(({ code }) => code === "LIKELY_CREDENTIAL")
    .map((finding) => range(finding.span));
  const paths = manifest === undefined ? [] : sensitivePaths(manifest);
  const named = paths.flatMap((path) => {
    const value = reader.spans.get(path);
    return value === undefined ? [] : [range(value)];
  });
  return [...found, ...named];
}
