// What reading one document keeps: its findings, the places of its values, and the budget for aliases. No rule about
// manifests lives here.
import { type Alias, isAlias, isNode, isScalar, type Node, type Pair, visit, type YAMLMap } from "yaml";
import { MANIFEST_LIMITS } from "../../contracts/limits.ts";
import type { ApiVersion } from "../../contracts/manifest.ts";
import type { ProblemCode } from "../../contracts/problem.ts";
import type { Schema } from "../../contracts/schema.ts";
import { spellingsOf } from "../../contracts/spellings.ts";
import type { Finding, Span } from "./finding.ts";
import type { YamlDocument } from "./parse-yaml.ts";
import { isPlain, typedText } from "./read-scalar.ts";

/** Canonical names by spelling, made once for each object of a schema and kept by the loader. */
export type SpellingBook = (schema: Schema) => ReadonlyMap<string, string>;

export function createSpellingBook(): SpellingBook {
  const known = new WeakMap<Schema, ReadonlyMap<string, string>>();
  return (schema) => {
    const spellings = known.get(schema) ?? spellingsOf(schema);
    known.set(schema, spellings);
    return spellings;
  };
}

export interface Field {
  readonly key: string;
  readonly keySpan: Span;
  /** null: nothing is written. */
  readonly value: Node | null;
}

/** Keys that reach into the prototypes of objects. No vocabulary needs them, and one slip downstream would be an exploit. */
const FORBIDDEN_KEYS: readonly string[] = ["__proto__", "constructor", "prototype"];
const NOWHERE: Span = { start: 0, end: 0 };

export class DocumentReader {
  readonly findings: Finding[] = [];
  /** JSON pointer of the canonical manifest → where its value stands. */
  readonly spans = new Map<string, Span>();
  /** JSON pointer → where its key stands. */
  readonly keySpans = new Map<string, Span>();
  readonly spellings: SpellingBook;
  /** Both set once the envelope is read. */
  apiVersion: ApiVersion = "orloj.dev/v1";
  kindName = "a manifest";
  private readonly yaml: YamlDocument;
  private expansions = 0;
  private anchors: ReadonlyArray<readonly [string, Node]> | undefined;
  private refused = false;

  constructor(yaml: YamlDocument, spellings: SpellingBook) {
    this.yaml = yaml;
    this.spellings = spellings;
  }

  get strict(): boolean {
    return this.apiVersion === "countwheel.dev/v1";
  }

  report(severity: Finding["severity"], code: ProblemCode, span: Span, summary: string, detail = ""): void {
    if (this.findings.length < MANIFEST_LIMITS.problemsPerDocument) {
      this.findings.push({ severity, code, summary, detail, span });
      return;
    }
    // An error that is not shown must still count as one.
    const told = this.findings.at(-1);
    if (told?.code === "LIMIT" && (told.severity === "error" || severity === "warning")) return;
    const more = `the document has more than ${MANIFEST_LIMITS.problemsPerDocument} problems; the others are not shown`;
    this.findings.push({ severity, code: "LIMIT", summary: more, detail: "", span });
  }

  /** An error in `countwheel.dev/v1`, a warning in `orloj.dev/v1`. */
  complain(code: ProblemCode, span: Span, summary: string, detail = ""): void {
    this.report(this.strict ? "error" : "warning", code, span, summary, detail);
  }

  spanOf(node: Node | null | undefined, otherwise: Span): Span {
    const range = node?.range;
    return range == null ? otherwise : { start: range[0], end: Math.max(range[1], range[0]) };
  }

  source(span: Span): string {
    return this.yaml.text.slice(span.start, span.end);
  }

  /** Follows aliases; undefined where that is refused. Custom tags are refused here as well: they name types, not data. */
  resolve(node: unknown, span: Span): Node | null | undefined {
    if (node === null || node === undefined) return null;
    if (!isNode(node)) return undefined;
    if (isAlias(node)) return this.expand(node, span);
    if (node.tag !== undefined && !node.tag.startsWith("tag:yaml.org,2002:")) {
      this.report(
        "error",
        "SYNTAX",
        this.spanOf(node, span),
        `the tag \`${node.tag}\` means nothing here`,
        "Take it away.",
      );
      return undefined;
    }
    return node;
  }

  private expand(alias: Alias, otherwise: Span): Node | null | undefined {
    const span = this.spanOf(alias, otherwise);
    this.expansions += 1;
    if (this.expansions > MANIFEST_LIMITS.aliases) {
      this.refuse(span, `more than ${MANIFEST_LIMITS.aliases} aliases`);
      return undefined;
    }
    this.anchors ??= findAnchors(this.yaml);
    const target = this.anchors.findLast(
      ([name, node]) => name === alias.source && (node.range?.[0] ?? 0) < span.start,
    );
    if (target === undefined) {
      this.report("error", "SYNTAX", span, `the alias \`*${alias.source}\` names no anchor before it`);
      return undefined;
    }
    return this.resolve(target[1], span);
  }

  /** Said once: what follows from a limit is not worth reading. */
  refuse(span: Span, what: string): void {
    if (this.refused) return;
    this.refused = true;
    this.report("error", "LIMIT", span, `the document has ${what}`, "No manifest needs that.");
  }

  /** The fields of a map, without those whose keys cannot be keys. */
  fields(map: YAMLMap): Field[] {
    const mapSpan = this.spanOf(map, NOWHERE);
    const fields: Field[] = [];
    for (const pair of map.items) {
      const field = this.field(pair, mapSpan);
      if (field !== undefined) fields.push(field);
    }
    return fields;
  }

  private field(pair: Pair, mapSpan: Span): Field | undefined {
    const key = this.resolve(pair.key, mapSpan);
    const keySpan = this.spanOf(key, mapSpan);
    if (!isScalar(key)) {
      if (key !== undefined) this.report("error", "SCHEMA", keySpan, "a key must be text");
      return undefined;
    }
    const text = isPlain(key) ? typedText(key) : String(key.value);
    if (FORBIDDEN_KEYS.includes(text)) {
      this.report("error", "SCHEMA", keySpan, `\`${text}\` cannot be a key`, "Choose another name.");
      return undefined;
    }
    const value = this.resolve(pair.value, keySpan);
    return value === undefined ? undefined : { key: text, keySpan, value };
  }
}

function findAnchors(yaml: YamlDocument): ReadonlyArray<readonly [string, Node]> {
  const anchors: [string, Node][] = [];
  if (yaml.content === null) return anchors;
  visit(yaml.content, {
    Node: (_, node) => {
      if ("anchor" in node && typeof node.anchor === "string") anchors.push([node.anchor, node]);
    },
  });
  return anchors;
}
