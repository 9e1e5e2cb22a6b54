// The `<details>` of one change: its YAML as a diff, in the forms that the byte budget allows.
import { diffWordsWithSpace, structuredPatch } from "diff";
import { displayAddress } from "../../contracts/address.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { type Change, type FieldChange, SENSITIVE } from "../../contracts/plan.ts";
import { renderYaml } from "../load/render-yaml.ts";
import { describeField, fieldName } from "./field-text.ts";
import { codeBlock, htmlText, oneLine, shorten } from "./inert.ts";

/** full: with lines of context · tight: without · words: one line a field, long texts word by word. */
export type DiffForm = "full" | "tight" | "words";

export const CHANGE_SIGNS = { create: "+", update: "~", move: "→", prune: "-" } as const;

export function renderDetails(change: Change, form: DiffForm): string {
  const name = `${CHANGE_SIGNS[change.action]} ${displayAddress(change).replaceAll("/", " ")}`;
  const body = codeBlock("diff", form === "words" ? wordsOf(change) : linesOf(change, form));
  return `<details><summary><code>${htmlText(name)}</code></summary>\n\n${body}\n</details>`;
}

const CONTEXT_LINES = { full: 3, tight: 0 } as const;

/** Past this many characters a diff by lines or words could take seconds; the fields are told one by one instead. */
const DIFF_LIMIT = 100_000;

function linesOf(change: Change, form: "full" | "tight"): string {
  const [before, after] = [yamlOf(change.before), yamlOf(change.after)];
  if (before.length + after.length > DIFF_LIMIT) return wordsOf(change);
  if (before === "") return prefix(after, "+");
  if (after === "") return prefix(before, "-");
  const { hunks } = structuredPatch("", "", before, after, "", "", { context: CONTEXT_LINES[form] });
  const shown = hunks.map(({ lines }) => lines.map((line) => `${line.slice(0, 1)} ${line.slice(1)}`).join("\n"));
  return [...shown, ...hiddenChanges(change)].join("\n");
}

/** A secret that changed looks the same before and after: it is named instead. */
function hiddenChanges({ fields }: Change): string[] {
  return fields
    .filter(({ before, after }) => before === SENSITIVE && after === SENSITIVE)
    .map(({ path }) => `! ${fieldName(path)}: ${SENSITIVE} changed`);
}

function prefix(text: string, sign: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `${sign} ${line}`)
    .join("\n");
}

function yamlOf(manifest: Manifest | undefined): string {
  if (manifest === undefined) return "";
  const { labels, annotations } = manifest.metadata;
  const metadata = {
    ...(Object.keys(labels).length > 0 ? { labels } : {}),
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
  return renderYaml({ ...(Object.keys(metadata).length > 0 ? { metadata } : {}), spec: manifest.spec });
}

/** Lines of a new or removed manifest that are shown where space is short. */
const SHORT_LINES = 6;
const SHORT_FIELD = 400;

function wordsOf(change: Change): string {
  if (change.action === "update" || change.action === "move") return change.fields.map(fieldWords).join("\n");
  const sign = change.action === "prune" ? "-" : "+";
  const lines = yamlOf(change.after ?? change.before)
    .trimEnd()
    .split("\n");
  const shown = lines.slice(0, SHORT_LINES).map((line) => `${sign} ${shorten(line, 120)}`);
  const more = lines.length > SHORT_LINES ? [`${sign} … ${lines.length - SHORT_LINES} lines more`] : [];
  return [...shown, ...more].join("\n");
}

function fieldWords(field: FieldChange): string {
  const { before, after, path } = field;
  const isText = typeof before === "string" && typeof after === "string" && (before + after).includes("\n");
  const text = isText && before.length + after.length < DIFF_LIMIT ? changedWords(before, after) : describeField(field);
  return `! ${fieldName(path)}: ${shorten(oneLine(text), SHORT_FIELD)}`;
}

/** `… see the [-old-]{+new+} order …`: what changed, with a little of what stands around it. */
function changedWords(before: string, after: string): string {
  return diffWordsWithSpace(before, after)
    .map(({ value, added, removed }) => {
      if (added) return `{+${value}+}`;
      if (removed) return `[-${value}-]`;
      return value.length > 40 ? `${value.slice(0, 16)} … ${value.slice(-16)}` : value;
    })
    .join("");
}
