// Lua's own functions, as far as scripts use them, and cjson. `redis` itself comes from the caller.
import * as values from "./values.ts";

const { LuaTable, table, toNumber, text } = values;

/** The globals that every script finds. */
export function standardLibrary(): Record<string, unknown> {
  return {
    tonumber: (value: unknown) => [toNumber(value)],
    tostring: (value: unknown) => [
      value === undefined ? "nil" : typeof value === "boolean" ? String(value) : text(value),
    ],
    type: (value: unknown) => [typeOf(value)],
    unpack: (from: unknown, first: unknown = 1, last?: unknown) => {
      const { list } = tableOf(from);
      return list.slice(Number(first) - 1, last === undefined ? list.length : Number(last));
    },
    ipairs: (from: unknown) => [nextItem, from, 0],
    pairs: (from: unknown) => [nextOf(tableOf(from)), from, undefined],
    next: (from: unknown) => nextOf(tableOf(from))(from, undefined),
    error: (value: unknown) => {
      throw new Error(String(value));
    },
    math: table(
      [],
      [
        ["floor", (value: unknown) => [Math.floor(values.number(value))]],
        ["ceil", (value: unknown) => [Math.ceil(values.number(value))]],
        ["max", (...all: unknown[]) => [Math.max(...all.map(values.number))]],
        ["min", (...all: unknown[]) => [Math.min(...all.map(values.number))]],
      ],
    ),
    string: table(
      [],
      [
        ["format", (form: unknown, ...given: unknown[]) => [format(text(form), given)]],
        ["sub", (whole: unknown, from: unknown, to: unknown = -1) => [sub(text(whole), Number(from), Number(to))]],
        ["len", (whole: unknown) => [values.length(whole)]],
        ["match", (whole: unknown, pattern: unknown) => match(text(whole), text(pattern))],
      ],
    ),
    table: table(
      [],
      [
        ["insert", (into: unknown, ...rest: unknown[]) => insert(tableOf(into), rest)],
        ["concat", (from: unknown, between: unknown = "") => [tableOf(from).list.map(text).join(text(between))]],
        ["remove", (from: unknown) => [tableOf(from).list.pop()]],
      ],
    ),
    cjson: table(
      [],
      [
        ["decode", (json: unknown) => [fromJson(JSON.parse(text(json)))]],
        ["encode", (value: unknown) => [JSON.stringify(toJson(value))]],
      ],
    ),
  };
}

function tableOf(value: unknown): values.LuaTable {
  if (value instanceof LuaTable) return value;
  throw new TypeError(`a table is expected, not ${typeOf(value)}`);
}

function typeOf(value: unknown): string {
  if (value === undefined) return "nil";
  return value instanceof LuaTable ? "table" : typeof value;
}

function nextItem(from: unknown, index: unknown): unknown[] {
  const value = tableOf(from).get(Number(index) + 1);
  return value === undefined ? [] : [Number(index) + 1, value];
}

function nextOf({ list, map }: values.LuaTable): values.LuaFunction {
  const entries: unknown[][] = [...list.map((value, index) => [index + 1, value]), ...map];
  return (_from, key) => {
    if (key === undefined) return entries[0] ?? [];
    return entries[entries.findIndex(([candidate]) => candidate === key) + 1] ?? [];
  };
}

function format(form: string, given: readonly unknown[]): string {
  let used = 0;
  return form.replace(/%(?:(%)|(?:\.(\d+))?([dsfg]))/g, (_match, percent: string, digits: string, kind: string) => {
    if (percent !== undefined) return "%";
    const value = given[used];
    used += 1;
    if (kind === "s") return text(value);
    const found = values.number(value);
    if (kind === "d") return BigInt(Math.trunc(found)).toString();
    return kind === "f" ? found.toFixed(Number(digits ?? 6)) : String(Number(found.toPrecision(Number(digits ?? 6))));
  });
}

function sub(whole: string, from: number, to: number): string {
  const bytes = Buffer.from(whole);
  const place = (at: number): number => (at < 0 ? Math.max(0, bytes.length + at + 1) : at);
  return bytes.subarray(Math.max(1, place(from)) - 1, place(to)).toString();
}

/** Lua's patterns that mean the same here once `%` is a backslash: classes, anchors, captures, greedy repeats. */
function match(whole: string, pattern: string): unknown[] {
  if (/%[bf]|[^%]-(?![^[]*\])/.test(pattern)) throw new Error(`the model does not know the pattern ${pattern}`);
  const found = new RegExp(pattern.replaceAll("%", "\\").replaceAll("\\a", "[A-Za-z]"), "s").exec(whole);
  if (found === null) return [undefined];
  return found.length > 1 ? found.slice(1) : [found[0]];
}

function insert(into: values.LuaTable, rest: readonly unknown[]): unknown[] {
  if (rest.length === 1) into.list.push(rest[0]);
  else into.list.splice(Number(rest[0]) - 1, 0, rest[1]);
  return [];
}

function fromJson(value: unknown): unknown {
  if (Array.isArray(value)) return table(value.map(fromJson));
  if (typeof value !== "object" || value === null) return value;
  return table(
    [],
    Object.entries(value).map(([key, item]) => [key, fromJson(item)] as const),
  );
}

function toJson(value: unknown): unknown {
  if (!(value instanceof LuaTable)) return value ?? null;
  if (value.list.length > 0) return value.list.map(toJson);
  return Object.fromEntries([...value.map].map(([key, item]) => [String(key), toJson(item)]));
}
