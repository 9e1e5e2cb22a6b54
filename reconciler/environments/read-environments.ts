// Reads `countwheel.yaml`: the environments of a repository, and how careful the reconciler is with each. Strict as manifests
// of `countwheel.dev/v1` are: a setting that is misspelt must not pass for one that nobody wrote. Pure.
import { isName } from "../../contracts/address.ts";
import { ENVIRONMENT_SCHEMA, type EnvironmentSettings } from "../../contracts/environment.ts";
import { compareProblems, hasErrors, type Problem } from "../../contracts/problem.ts";
import type { Schema } from "../../contracts/schema.ts";
import { findFreezeProblem } from "../holds/frozen.ts";
import { createSpellingBook, DocumentReader } from "../load/document-reader.ts";
import { quote, type Span } from "../load/finding.ts";
import { toProblem, toProblems } from "../load/frames.ts";
import { Lines } from "../load/lines.ts";
import { runAtOnce } from "../load/pacer.ts";
import { parseYaml, type YamlDocument } from "../load/parse-yaml.ts";
import { readValue } from "../load/read-value.ts";
import { checkSettings } from "./check-settings.ts";
import { settingsOf, type WrittenSettings } from "./settings-of.ts";

export type Environments = ReadonlyMap<string, EnvironmentSettings>;

export type EnvironmentsAnswer =
  | { readonly outcome: "read"; readonly environments: Environments }
  | { readonly outcome: "invalid"; readonly problems: readonly Problem[] };

const FILE_SCHEMA = {
  type: "object",
  additionalProperties: false,
  properties: {
    environments: {
      type: "object",
      description: "By name, as `--env` says it.",
      additionalProperties: ENVIRONMENT_SCHEMA,
    },
  },
} as const satisfies Schema;

/** `file` is how problems name it. An empty file declares no environment. */
export function readEnvironments(file: string, text: string): EnvironmentsAnswer {
  const lines = new Lines(text);
  const parsed = runAtOnce(parseYaml(text));
  if (parsed.outcome === "refused") {
    return { outcome: "invalid", problems: [{ ...toProblem(parsed.finding, lines), file }] };
  }
  const [document] = parsed.documents;
  if (document === undefined || document.content === null) return { outcome: "read", environments: new Map() };
  const { reader, written } = readFile(document, parsed.documents.length);
  const environments = new Map(
    Object.entries(written).map(([name, settings]) => [name, settingsOf(name, settings)] as const),
  );
  for (const [name, settings] of environments) checkEnvironment(reader, name, settings);
  const whole = { start: 0, end: text.length };
  const found = toProblems([{ reader, lines, span: whole, broken: document.errors.length > 0 }], text);
  const problems = found.map((problem) => ({ ...problem, file })).toSorted(compareProblems);
  return hasErrors(problems) ? { outcome: "invalid", problems } : { outcome: "read", environments };
}

interface ReadFile {
  readonly reader: DocumentReader;
  readonly written: Readonly<Record<string, WrittenSettings>>;
}

function readFile(document: YamlDocument, count: number): ReadFile {
  const reader = new DocumentReader(document, createSpellingBook());
  reader.apiVersion = "countwheel.dev/v1";
  reader.kindName = "countwheel.yaml";
  const start = { start: 0, end: 0 };
  for (const { message, span } of document.errors) reader.report("error", "SYNTAX", span, message.split("\n")[0] ?? "");
  if (count > 1) reader.report("error", "SYNTAX", start, "the file has more than one document");
  const value = readValue(reader, document.content, FILE_SCHEMA, { pointer: "", span: start, depth: 1 });
  // What does not fit is told, and a file with an error is no settings: its values are read for further problems only.
  const fits =
    !reader.findings.some(({ severity }) => severity === "error") && checkSettings(reader, FILE_SCHEMA, value);
  const { environments = {} } = (fits ? value : {}) as { readonly environments?: ReadFile["written"] };
  return { reader, written: environments };
}

function checkEnvironment(reader: DocumentReader, name: string, { freeze }: EnvironmentSettings): void {
  const pointer = `/environments/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
  if (!isName(name)) {
    const detail = "Names have letters, digits, `.`, `_` and `-`, and begin with a letter or digit.";
    reader.report("error", "SCHEMA", spanAt(reader, pointer), `${quote(name)} cannot be an environment`, detail);
  }
  for (const [index, window] of freeze.entries()) {
    const found = findFreezeProblem(window);
    if (found !== undefined) reader.report("error", "SCHEMA", spanAt(reader, `${pointer}/freeze/${index}/cron`), found);
  }
}

function spanAt(reader: DocumentReader, pointer: string): Span {
  return reader.keySpans.get(pointer) ?? reader.spans.get(pointer) ?? { start: 0, end: 0 };
}
