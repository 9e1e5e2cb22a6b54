// What a matcher wants of an argument that its tool's schema rules out, and what no value at all can be: such a rule never
// holds, or denies every call.
import { isFields } from "../compile/read.ts";
import { typeOfValue } from "../expression/types/literals.ts";
import { mayEqual } from "../expression/types/operators.ts";
import { fieldsNamed, namesIn } from "../expression/types/path.ts";
import {
  describeType,
  JSON_VALUE,
  listOf,
  mapOf,
  type Shape,
  type Type,
  unionOf,
  valuesOf,
} from "../expression/types/type.ts";

export interface Misfit {
  /** The word of the matcher that is wrong, with those that it stands in; none: the value that stands alone. */
  readonly words: readonly string[];
  /** Completes "`amount` is a number, and …". */
  readonly why: string;
  /** What was probably meant is one of these. */
  readonly near?: { readonly word: string; readonly candidates: readonly string[] };
}

type Kind = Shape["kind"];

const TEXT: readonly Kind[] = ["string"];
const NUMBER: readonly Kind[] = ["double"];
const LIST: readonly Kind[] = ["list"];
const OBJECT: readonly Kind[] = ["map"];

/** What each word can judge; of anything else nobody can tell. */
const JUDGED: Readonly<Record<string, readonly [kinds: readonly Kind[], text: string]>> = {
  greater_than: [NUMBER, "numbers"],
  at_least: [NUMBER, "numbers"],
  less_than: [NUMBER, "numbers"],
  at_most: [NUMBER, "numbers"],
  glob: [TEXT, "strings"],
  not_glob: [TEXT, "strings"],
  matches: [TEXT, "strings"],
  not_matches: [TEXT, "strings"],
  path_within: [TEXT, "strings"],
  url_host: [TEXT, "strings"],
  sql: [TEXT, "strings"],
  equals_input: [["string", "double", "bool"], "strings, numbers and booleans"],
  min_length: [["string", "list"], "strings and lists"],
  max_length: [["string", "list"], "strings and lists"],
  argv: [LIST, "lists"],
  all: [LIST, "lists"],
  any: [LIST, "lists"],
  none: [LIST, "lists"],
  fields: [OBJECT, "objects"],
  only_fields: [OBJECT, "objects"],
};

const TYPES: Readonly<Record<string, Kind>> = {
  string: "string",
  number: "double",
  integer: "double",
  boolean: "bool",
  list: "list",
  object: "map",
  null: "null",
};

export function findMisfits(spec: unknown, type: Type): Misfit[] {
  if (!isFields(spec)) return valueMisfits(Array.isArray(spec) ? spec : [spec], type);
  return Object.entries(spec).flatMap(([word, wanted]) =>
    wordMisfits(word, wanted, type).map((misfit) => ({ ...misfit, words: [word, ...misfit.words] })),
  );
}

function wordMisfits(word: string, wanted: unknown, type: Type): Misfit[] {
  const judged = Object.hasOwn(JUDGED, word) ? JUDGED[word] : undefined;
  if (judged !== undefined && !hasKind(type, judged[0])) {
    return [{ words: [], why: `\`${word}\` is for ${judged[1]}` }];
  }
  switch (word) {
    case "equals":
    case "not_equals":
      return valueMisfits([wanted], type);
    case "one_of":
    case "none_of":
      return Array.isArray(wanted) ? valueMisfits(wanted, type) : [];
    case "type":
      return typeMisfits(wanted, type);
    case "all":
    case "any":
    case "none":
      return findMisfits(wanted, itemsOf(type));
    case "fields":
      return isFields(wanted) ? fieldMisfits(wanted, type) : [];
    case "not":
      return findMisfits(wanted, type);
    default:
      return [];
  }
}

function hasKind(type: Type, kinds: readonly Kind[]): boolean {
  return type === "anything" || type.some(({ kind }) => kinds.includes(kind));
}

/** Several tools may take several of the values: one that fits is enough. */
function valueMisfits(wanted: readonly unknown[], type: Type): Misfit[] {
  if (wanted.length === 0 || wanted.some((value) => mayEqual(type, typeOfJson(value)))) return [];
  const shown = wanted.slice(0, SHOWN).map((value) => JSON.stringify(value));
  const why = `it is never ${shown.join(" or ")}${wanted.length > SHOWN ? " or …" : ""}`;
  const candidates = valuesOf(type)?.map(String) ?? [];
  return [{ words: [], why, ...(candidates.length === 0 ? {} : { near: { word: String(wanted[0]), candidates } }) }];
}

const SHOWN = 4;

function typeOfJson(value: unknown): Type {
  if (Array.isArray(value)) return [listOf(() => JSON_VALUE)];
  return isFields(value) ? [mapOf(() => JSON_VALUE)] : typeOfValue(value);
}

function typeMisfits(wanted: unknown, type: Type): Misfit[] {
  const kind = typeof wanted === "string" && Object.hasOwn(TYPES, wanted) ? TYPES[wanted] : undefined;
  return kind === undefined || hasKind(type, [kind])
    ? []
    : [{ words: [], why: `it is never of type ${String(wanted)}` }];
}

function itemsOf(type: Type): Type {
  if (type === "anything") return type;
  return unionOf(type.flatMap((shape) => (shape.kind === "list" ? [shape.items()] : [])));
}

function fieldMisfits(wanted: Readonly<Record<string, unknown>>, type: Type): Misfit[] {
  return Object.entries(wanted).flatMap(([name, inner]): Misfit[] => {
    const fields = fieldsNamed(type, name);
    if (fields.length > 0) {
      return findMisfits(inner, unionOf(fields)).map((misfit) => ({ ...misfit, words: [name, ...misfit.words] }));
    }
    return [{ words: [name], why: `it has no \`${name}\``, near: { word: name, candidates: namesIn(type) } }];
  });
}

/** `a number`, and what it may be where that is known. */
export function describeArgument(type: Type): string {
  const values = valuesOf(type) ?? [];
  const shown = values.slice(0, SHOWN).map((value) => JSON.stringify(value));
  if (shown.length === 0) return describeType(type);
  return `${describeType(type)} (${shown.join(", ")}${values.length > SHOWN ? ", …" : ""})`;
}
