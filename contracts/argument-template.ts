// Templates of a CLI tool's arguments over its JSON input: `{{.query}}`, `{{if .verbose}}-v{{end}}`. Pure. What of Go's
// templates such arguments are written with, and no more: nothing here can loop, call or print what it was not given.

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "value"; readonly path: readonly string[] }
  | {
      readonly kind: "if";
      readonly path: readonly string[];
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

export type Parsed =
  | { readonly outcome: "parsed"; readonly nodes: readonly Node[] }
  /** What is wrong, for its author. */
  | { readonly outcome: "problem"; readonly problem: string };

/** A piece of what a template comes to. `path` is set where it came from the input. */
export interface Piece {
  readonly text: string;
  readonly path?: string;
  /** It was a text of the input: a number cannot be taken for an option. */
  readonly isText?: boolean;
}

const MAX_LENGTH = 4_096;
const MAX_DEPTH = 8;
/** Text up to a tag, and the tag; `{{-` and `-}}` cut the white space beside them off. */
const TAG = /\{\{(-\s)?\s*([^{}]*?)\s*(\s-)?\}\}/gu;
const PATH = /^\$?(?:\.|(?:\.[A-Za-z_][A-Za-z0-9_]*)+)$/u;
const UNDERSTOOD = "there are `{{.field}}`, `{{if .field}}…{{else}}…{{end}}` and nothing else";

interface Block {
  readonly path: readonly string[];
  readonly body: Node[];
  readonly otherwise: Node[];
  inElse: boolean;
}

export function parseArgumentTemplate(template: string): Parsed {
  if (template.length > MAX_LENGTH) return problem(`it is longer than ${MAX_LENGTH} characters`);
  const reader = new Reader();
  let from = 0;
  let trims = false;
  for (const tag of template.matchAll(TAG)) {
    const [whole, trimLeft, action = "", trimRight] = tag;
    const text = template.slice(from, tag.index);
    const kept = trims ? text.trimStart() : text;
    const refused = reader.text(trimLeft === undefined ? kept : kept.trimEnd()) ?? reader.action(action);
    if (refused !== undefined) return problem(refused);
    trims = trimRight !== undefined;
    from = tag.index + whole.length;
  }
  const rest = template.slice(from);
  const refused = reader.text(trims ? rest.trimStart() : rest) ?? reader.unfinished();
  return refused === undefined ? { outcome: "parsed", nodes: reader.nodes } : problem(refused);
}

/** Fields of the input that a template names, without their own fields. */
export function fieldsOf(nodes: readonly Node[]): readonly string[] {
  return nodes.flatMap((node) => {
    if (node.kind === "text") return [];
    const [field] = node.path;
    const own = field === undefined ? [] : [field];
    return node.kind === "value" ? own : [...own, ...fieldsOf(node.body), ...fieldsOf(node.otherwise)];
  });
}

/** What is missing or null is empty; a list or an object is its JSON. */
export function renderPieces(nodes: readonly Node[], input: Readonly<Record<string, unknown>>): readonly Piece[] {
  return nodes.flatMap((node): readonly Piece[] => {
    if (node.kind === "text") return [{ text: node.text }];
    const value = valueAt(input, node.path);
    if (node.kind === "if") return renderPieces(isTrue(value) ? node.body : node.otherwise, input);
    return [{ text: textOf(value), path: node.path.join("."), isText: typeof value === "string" }];
  });
}

class Reader {
  readonly nodes: Node[] = [];
  readonly #blocks: Block[] = [];

  text(text: string): string | undefined {
    if (text.includes("{{") || text.includes("}}"))
      return `\`${text.trim()}\` has braces that are no tag: ${UNDERSTOOD}`;
    if (text !== "") this.#into().push({ kind: "text", text });
    return undefined;
  }

  /** What is wrong with it, if anything. */
  action(action: string): string | undefined {
    const words = action.split(/\s+/u);
    const [first = "", second = ""] = words;
    if (words.length === 1 && first === "end") return this.#end();
    if (words.length === 1 && first === "else") return this.#else();
    if (words.length === 2 && first === "if" && PATH.test(second)) return this.#begin(pathOf(second));
    if (words.length !== 1 || !PATH.test(first)) return `\`{{${action}}}\` is not understood: ${UNDERSTOOD}`;
    this.#into().push({ kind: "value", path: pathOf(first) });
    return undefined;
  }

  unfinished(): string | undefined {
    return this.#blocks.length === 0 ? undefined : "an `{{if}}` has no `{{end}}`";
  }

  #into(): Node[] {
    const block = this.#blocks.at(-1);
    if (block === undefined) return this.nodes;
    return block.inElse ? block.otherwise : block.body;
  }

  #begin(path: readonly string[]): string | undefined {
    if (this.#blocks.length === MAX_DEPTH) return `more than ${MAX_DEPTH} \`{{if}}\` stand within each other`;
    this.#blocks.push({ path, body: [], otherwise: [], inElse: false });
    return undefined;
  }

  #else(): string | undefined {
    const block = this.#blocks.at(-1);
    if (block === undefined || block.inElse) return "an `{{else}}` has no `{{if}}`";
    block.inElse = true;
    return undefined;
  }

  #end(): string | undefined {
    const block = this.#blocks.pop();
    if (block === undefined) return "an `{{end}}` has no `{{if}}`";
    const { path, body, otherwise } = block;
    this.#into().push({ kind: "if", path, body, otherwise });
    return undefined;
  }
}

function problem(text: string): Parsed {
  return { outcome: "problem", problem: text };
}

/** `.` is the whole input: no path. */
function pathOf(written: string): readonly string[] {
  return written
    .replace(/^\$/u, "")
    .split(".")
    .filter((part) => part !== "");
}

function valueAt(input: unknown, path: readonly string[]): unknown {
  let value: unknown = input;
  for (const part of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[part];
  }
  return value;
}

/** As in Go's templates: false, 0, and what is empty are not true. */
function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
