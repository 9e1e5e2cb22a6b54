// The file that `export` writes and `import` reads: JSON lines, each with its own digest, and a last one with a digest
// over all before it. Pure.
import { canonicalJson, type Digest, digestOf, digestText } from "../../contracts/canonical.ts";
import type { ArchivedRecord, EnvironmentCopy, KeptApply, LeftOut } from "../../contracts/environment-copy.ts";
import { manifestAddress, manifestDigest } from "../../contracts/manifest.ts";
import type { StateHead, StateRecord } from "../../contracts/record.ts";
import { sensitivePaths } from "../../contracts/sensitive.ts";
import type { StateKey } from "../../contracts/state-key.ts";
import { hasShape } from "./line-shapes.ts";

const EXPORT_FORMAT_VERSION = "1";

export interface ExportFacts {
  readonly env: string;
  readonly exportedAt: string;
  readonly tool: { readonly name: string; readonly version: string };
  /** Whether records that hold secrets are in it. */
  readonly secrets: boolean;
}

type Line =
  | { readonly type: "export"; readonly value: ExportFacts & { readonly formatVersion: string } }
  | { readonly type: "head"; readonly value: StateHead }
  | { readonly type: "record"; readonly value: StateRecord }
  | { readonly type: "archived"; readonly value: ArchivedRecord }
  | { readonly type: "left-out"; readonly value: LeftOut }
  | { readonly type: "apply"; readonly value: KeptApply }
  | { readonly type: "plan" | "intent"; readonly value: readonly [string, number] }
  | { readonly type: "ordered" | "hold" | "inventory"; readonly value: readonly [string, string] };

export interface Exported {
  readonly lines: readonly string[];
  readonly leftOut: readonly LeftOut[];
}

/** A record with secrets is left out whole: without them it would be another one, with another digest. */
export function exportLines(copy: EnvironmentCopy, facts: ExportFacts, key?: StateKey): Exported {
  const shown = (record: StateRecord): boolean => facts.secrets || sensitivePaths(record.manifest).length === 0;
  const leave =
    (archived: boolean) =>
    (record: StateRecord): LeftOut[] =>
      shown(record) ? [] : [{ address: record.address, digest: record.digest, archived }];
  const leftOut = [
    ...copy.records.flatMap(leave(false)),
    ...copy.archived.map(({ record }) => record).flatMap(leave(true)),
  ];
  const body: Line[] = [
    { type: "export", value: { formatVersion: EXPORT_FORMAT_VERSION, ...facts } },
    { type: "head", value: copy.head },
    ...copy.records.filter(shown).map((value): Line => ({ type: "record", value })),
    ...copy.archived.filter(({ record }) => shown(record)).map((value): Line => ({ type: "archived", value })),
    ...leftOut.map((value): Line => ({ type: "left-out", value })),
    ...copy.applies.map((value): Line => ({ type: "apply", value })),
    ...copy.plans.map((value): Line => ({ type: "plan", value })),
    ...copy.intents.map((value): Line => ({ type: "intent", value })),
    ...copy.ordered.map((value): Line => ({ type: "ordered", value })),
    ...copy.holds.map((value): Line => ({ type: "hold", value })),
    ...copy.inventory.map((value): Line => ({ type: "inventory", value })),
  ];
  const lines = body.map((line) => canonicalJson({ ...line, digest: digestOf(line) }));
  return { lines: [...lines, endLine(lines, key)], leftOut };
}

/** With a state key the file is sealed as a whole: only who has the key can have written it. */
function endLine(lines: readonly string[], key: StateKey | undefined): string {
  const digest = fileDigest(lines);
  const seal = key === undefined ? {} : { seal: key.seal(sealedParts(digest)) };
  return canonicalJson({ type: "end", lines: lines.length, digest, ...seal });
}

function sealedParts(digest: string): string[] {
  return ["export", digest];
}

function fileDigest(lines: readonly string[]): Digest {
  return digestText(lines.map((line) => `${line}\n`).join(""));
}

export type ParsedExport =
  | {
      readonly outcome: "ok";
      readonly facts: ExportFacts;
      readonly copy: EnvironmentCopy;
      readonly leftOut: readonly LeftOut[];
    }
  /** `line` counts from 1; null: the file as a whole. */
  | { readonly outcome: "refused"; readonly line: number | null; readonly why: string };

export interface Belief {
  /** Files that are sealed must be sealed by it. */
  readonly key?: StateKey | undefined;
  /** A file that is not sealed is believed although there is a key. */
  readonly acceptUnsealed?: boolean;
}

/** Nothing of a file is believed before all of it is: a line that was changed, lost, added or moved refuses it. */
export function parseExport(text: string, belief: Belief = {}): ParsedExport {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const end = lines.pop();
  const last = end === undefined ? undefined : parseObject(end);
  if (last?.["type"] !== "end") return refuse(null, "its end is missing: it was cut, or is no export");
  const read: Line[] = [];
  for (const [index, line] of lines.entries()) {
    const found = parseLine(line);
    if (typeof found === "string") return refuse(index + 1, found);
    read.push(found);
  }
  if (last["lines"] !== lines.length)
    return refuse(null, `it has ${lines.length} lines and says ${String(last["lines"])}`);
  if (last["digest"] !== fileDigest(lines))
    return refuse(null, "its lines do not match its digest: one was lost, added or moved");
  const unbelieved = whyUnbelieved(last["seal"], fileDigest(lines), belief);
  return unbelieved === undefined ? assemble(read) : refuse(null, unbelieved);
}

function whyUnbelieved(seal: unknown, digest: string, { key, acceptUnsealed }: Belief): string | undefined {
  if (key === undefined) return undefined;
  switch (key.verify(typeof seal === "string" ? seal : "", sealedParts(digest))) {
    case "verified":
      return undefined;
    case "forged":
      return "its seal does not match its lines";
    case "unknown-key":
      return "it is sealed by another key than those that are set";
    case "unsealed":
      return acceptUnsealed === true
        ? undefined
        : "it carries no seal, although a state key is set; if you know who wrote it, add --accept-unsealed";
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The digest proves that we wrote the line; a record proves its own manifest as well. Text: why not. */
function parseLine(text: string): Line | string {
  const found = parseObject(text);
  if (found === undefined) return "it is no JSON object";
  const { digest, ...line } = found;
  if (digestOf(line) !== digest) return "it does not match its digest";
  if (!hasShape(line["type"], line["value"])) return "it is no line of an export";
  const known = line as unknown as Line;
  const record = known.type === "record" ? known.value : known.type === "archived" ? known.value.record : undefined;
  if (record === undefined) return known;
  const { manifest, address } = record;
  if (manifestDigest(manifest) === record.digest && manifestAddress(manifest) === address) return known;
  return `the record of ${address} does not carry its manifest's own digest and address`;
}

function assemble(lines: readonly Line[]): ParsedExport {
  const [first, head, ...rest] = lines;
  if (first?.type !== "export" || head?.type !== "head")
    return refuse(1, "it does not begin with what it is, and a head");
  const { formatVersion, ...facts } = first.value;
  if (formatVersion !== EXPORT_FORMAT_VERSION)
    return refuse(1, `its format is ${formatVersion}, this Countwheel reads ${EXPORT_FORMAT_VERSION}`);
  const copy = {
    head: head.value,
    records: [] as StateRecord[],
    archived: [] as ArchivedRecord[],
    applies: [] as KeptApply[],
    plans: [] as (readonly [string, number])[],
    intents: [] as (readonly [string, number])[],
    ordered: [] as (readonly [string, string])[],
    holds: [] as (readonly [string, string])[],
    inventory: [] as (readonly [string, string])[],
  };
  const leftOut: LeftOut[] = [];
  for (const [index, line] of rest.entries()) {
    switch (line.type) {
      case "record":
        copy.records.push(line.value);
        break;
      case "archived":
        copy.archived.push(line.value);
        break;
      case "left-out":
        leftOut.push(line.value);
        break;
      case "apply":
        copy.applies.push(line.value);
        break;
      case "plan":
        copy.plans.push(line.value);
        break;
      case "intent":
        copy.intents.push(line.value);
        break;
      case "ordered":
        copy.ordered.push(line.value);
        break;
      case "hold":
        copy.holds.push(line.value);
        break;
      case "inventory":
        copy.inventory.push(line.value);
        break;
      case "export":
      case "head":
        return refuse(index + 3, `a second \`${line.type}\``);
    }
  }
  const { applies } = copy;
  const inOrder = applies.every(({ serial }, index) => serial > (applies[index - 1]?.serial ?? 0));
  if (!inOrder) return refuse(null, "its applies are not in the order of their serials");
  return { outcome: "ok", facts, copy, leftOut };
}

function refuse(line: number | null, why: string): ParsedExport {
  return { outcome: "refused", line, why };
}
