// Writes values of a manifest into the YAML that it stands in, changing as few lines as it can. Pure; knows nothing of diffs.
import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseAllDocuments,
  stringify,
  type YAMLMap,
} from "yaml";
import { plainKey } from "../../contracts/spellings.ts";
import { manifestNodes } from "../load/read-document.ts";
import { pointerKeys } from "../plan/field-diff.ts";

export interface FieldEdit {
  /** A JSON pointer from the manifest's root, in canonical names. */
  readonly pointer: string;
  /** undefined: the field goes away. */
  readonly value: unknown;
}

export interface WantedManifest {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** undefined: this cannot be done by replacing lines. Whoever takes the answer reads it again before believing it. */
export function editManifest(text: string, wanted: WantedManifest, edits: readonly FieldEdit[]): string | undefined {
  let edited: string | undefined = text;
  for (const { pointer, value } of edits) {
    // Parsed anew after each edit: the places of everything behind it have moved.
    const root: YAMLMap | undefined = edited === undefined ? undefined : findManifest(parse(edited), wanted)?.map;
    if (edited === undefined || root === undefined) return undefined;
    edited = editField(edited, root, pointerKeys(pointer), value);
  }
  return edited;
}

/** The text without the manifest: null where nothing else is in it, undefined where it shares its document with others. */
export function removeManifest(text: string, wanted: WantedManifest): string | null | undefined {
  const documents = parse(text);
  const found = findManifest(documents, wanted);
  if (found === undefined || found.shared) return undefined;
  const full = documents.filter(({ contents }) => contents !== null);
  if (full.length === 1) return null;
  const start = lineStart(text, found.document.range[0]);
  const end = lineEnd(text, found.document.range[1]);
  const [head, tail] = [text.slice(0, start), text.slice(end)];
  // A document begins behind its own `---`: the one that follows keeps it, unless it becomes the first.
  const isFirst = documents[0] === found.document;
  return isFirst ? tail.replace(/^---[^\n]*\n/, "") : `${head.replace(/---[^\n]*\n$/, "")}${tail}`;
}

/** The manifest as it stands there, keys as they are written. undefined: it is not there, or the text cannot be read. */
export function plainManifest(text: string, wanted: WantedManifest): Readonly<Record<string, unknown>> | undefined {
  const documents = parse(text);
  const found = findManifest(documents, wanted);
  return found === undefined || documents.some(({ errors }) => errors.length > 0)
    ? undefined
    : found.map.toJS(found.document);
}

type Parsed = Document.Parsed;

function parse(text: string): readonly Parsed[] {
  const parsed = parseAllDocuments(text, { version: "1.2", schema: "core", uniqueKeys: false, merge: false });
  return Array.isArray(parsed) ? parsed : [];
}

interface Found {
  readonly document: Parsed;
  readonly map: YAMLMap;
  readonly shared: boolean;
}

function findManifest(documents: readonly Parsed[], wanted: WantedManifest): Found | undefined {
  for (const document of documents) {
    const nodes = manifestNodes(document.contents);
    const map = nodes.find((node): node is YAMLMap => isMap(node) && isWanted(node, wanted));
    if (map !== undefined) return { document, map, shared: map !== document.contents };
  }
  return undefined;
}

function isWanted(map: YAMLMap, { kind, namespace, name }: WantedManifest): boolean {
  const metadata = pairOf(map, "metadata")?.value;
  if (!isMap(metadata)) return false;
  const sameKind = textOf(pairOf(map, "kind")?.value).toLowerCase() === kind.toLowerCase();
  const inNamespace = (textOf(pairOf(metadata, "namespace")?.value) || "default") === namespace;
  return sameKind && inNamespace && textOf(pairOf(metadata, "name")?.value) === name;
}

function textOf(node: unknown): string {
  return isScalar(node) ? String(node.value).trim() : "";
}

/** As it is written, or in another spelling. */
function pairOf(map: YAMLMap, key: string): Pair | undefined {
  const exact = map.items.find((pair) => keyOf(pair) === key);
  return exact ?? map.items.find((pair) => plainKey(keyOf(pair)) === plainKey(key));
}

function keyOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : "";
}

function editField(text: string, root: YAMLMap, keys: readonly string[], value: unknown): string | undefined {
  let map: YAMLMap = root;
  let isFlow = root.flow === true;
  for (const [depth, key] of keys.entries()) {
    const pair = pairOf(map, key);
    const rest = keys.slice(depth + 1);
    if (pair === undefined) return value === undefined ? text : insert(text, map, isFlow, key, nest(rest, value));
    if (rest.length === 0)
      return value === undefined ? remove(text, map, pair, isFlow) : replace(text, pair, isFlow, value);
    const [next, flow] = step(pair.value);
    if (next === undefined) return undefined;
    map = next;
    isFlow ||= flow;
  }
  return undefined;
}

/** Items of lists are left to whole lists: their pointers name positions, which an edit moves. */
function step(node: unknown): readonly [YAMLMap | undefined, boolean] {
  return isMap(node) ? [node, node.flow === true] : [undefined, isSeq(node)];
}

function nest(keys: readonly string[], value: unknown): unknown {
  return keys.reduceRight((inner, key) => ({ [key]: inner }), value);
}

function rangeOf(node: unknown): readonly [number, number] | undefined {
  const range = (node as Node | null | undefined)?.range;
  return range === undefined || range === null ? undefined : [range[0], range[1]];
}

function replace(text: string, pair: Pair, isFlow: boolean, value: unknown): string | undefined {
  const [key, old] = [rangeOf(pair.key), rangeOf(pair.value)];
  if (key === undefined || old === undefined) return undefined;
  const colon = text.indexOf(":", key[1]);
  if (colon === -1 || colon > old[0]) return undefined;
  const end = colon + 1 + text.slice(colon + 1, Math.max(colon + 1, old[1])).trimEnd().length;
  const written = isFlow ? ` ${JSON.stringify(value)}` : blockOf(value, indentAt(text, key[0]));
  const comment = written.includes("\n") ? (/^[ \t]+#[^\n]*/.exec(text.slice(end, lineEnd(text, end)))?.[0] ?? "") : "";
  const [first = "", ...lines] = written.split("\n");
  // Behind several lines a comment would belong to the last of them: it stays on the key's own line.
  return text.slice(0, colon + 1) + [first + comment, ...lines].join("\n") + text.slice(end + comment.length);
}

function insert(text: string, map: YAMLMap, isFlow: boolean, key: string, value: unknown): string | undefined {
  const [first, last] = [rangeOf(map.items[0]?.key), map.items.at(-1)];
  const end = rangeOf(last?.value)?.[1] ?? rangeOf(last?.key)?.[1];
  if (first === undefined || end === undefined) return undefined;
  if (isFlow) return `${text.slice(0, end)}, ${JSON.stringify(key)}: ${JSON.stringify(value)}${text.slice(end)}`;
  const indent = indentAt(text, first[0]);
  const at = lineEnd(text, text.slice(0, end).trimEnd().length);
  const before = text.slice(0, at);
  const line = `${" ".repeat(indent)}${stringify(key).trimEnd()}:${blockOf(value, indent)}\n`;
  return `${before}${before.endsWith("\n") ? "" : "\n"}${line}${text.slice(at)}`;
}

function remove(text: string, map: YAMLMap, pair: Pair, isFlow: boolean): string | undefined {
  const [key, value] = [rangeOf(pair.key), rangeOf(pair.value)];
  if (isFlow || map.items.length === 1 || key === undefined) return undefined;
  const end = text.slice(0, value?.[1] ?? key[1]).trimEnd().length;
  const start = lineStart(text, key[0]);
  // `- key: value`: the dash belongs to the item, not to this field.
  if (text.slice(start, key[0]).trim() !== "") return undefined;
  return text.slice(0, start) + text.slice(lineEnd(text, end));
}

/** What stands behind a key's colon in a block map whose keys are indented by `indent`. */
function blockOf(value: unknown, indent: number): string {
  const written = stringify({ k: value }, { lineWidth: 0, aliasDuplicateObjects: false });
  const [first = "", ...lines] = written.trimEnd().slice("k:".length).split("\n");
  return [first, ...lines.map((line) => (line === "" ? line : " ".repeat(indent) + line))].join("\n");
}

function indentAt(text: string, offset: number): number {
  return offset - lineStart(text, offset);
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}

/** Behind the line's newline. */
function lineEnd(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  return end === -1 ? text.length : end + 1;
}
