// The values of Lua and what its operators do with them. nil is undefined; a function takes values and answers an array.

export type LuaFunction = (...values: unknown[]) => unknown[];

export class LuaTable {
  /** From 1 on without a gap. */
  readonly list: unknown[] = [];
  readonly map = new Map<unknown, unknown>();

  get(key: unknown): unknown {
    return typeof key === "number" && key >= 1 && key <= this.list.length ? this.list[key - 1] : this.map.get(key);
  }

  set(key: unknown, value: unknown): void {
    if (typeof key === "number" && key >= 1 && key <= this.list.length + 1) {
      if (value === undefined && key >= this.list.length) this.list.length = Math.max(0, key - 1);
      else this.list[key - 1] = value;
    } else if (value === undefined) this.map.delete(key);
    else this.map.set(key, value);
  }
}

export function table(items: readonly unknown[], fields: readonly (readonly [unknown, unknown])[] = []): LuaTable {
  const made = new LuaTable();
  made.list.push(...items);
  for (const [key, value] of fields) made.set(key, value);
  return made;
}

function truthy(value: unknown): boolean {
  return value !== undefined && value !== false;
}

function or(left: unknown, right: () => unknown): unknown {
  return truthy(left) ? left : right();
}

function and(left: unknown, right: () => unknown): unknown {
  return truthy(left) ? right() : left;
}

/** Text that is a number counts as one, as in Lua. */
export function number(value: unknown): number {
  const found = toNumber(value);
  if (found === undefined) throw new TypeError(`attempt to perform arithmetic on ${describe(value)}`);
  return found;
}

export function toNumber(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || value.trim() === "") return undefined;
  const found = Number(value);
  return Number.isNaN(found) ? undefined : found;
}

export function text(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return numberText(value);
  throw new TypeError(`attempt to concatenate ${describe(value)}`);
}

/** Lua writes numbers with 14 digits. */
export function numberText(value: number): string {
  return String(Number(value.toPrecision(14)));
}

function less(left: unknown, right: unknown): boolean {
  if (typeof left === "number" && typeof right === "number") return left < right;
  if (typeof left === "string" && typeof right === "string") return left < right;
  throw new TypeError(`attempt to compare ${describe(left)} with ${describe(right)}`);
}

function modulo(left: unknown, right: unknown): number {
  const [dividend, divisor] = [number(left), number(right)];
  return dividend - Math.floor(dividend / divisor) * divisor;
}

export function length(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (value instanceof LuaTable) return value.list.length;
  throw new TypeError(`attempt to get the length of ${describe(value)}`);
}

function at(holder: unknown, key: unknown): unknown {
  if (holder instanceof LuaTable) return holder.get(key);
  throw new TypeError(`attempt to index ${describe(holder)} with ${String(key)}`);
}

function put(holder: unknown, key: unknown, value: unknown): void {
  if (!(holder instanceof LuaTable)) throw new TypeError(`attempt to index ${describe(holder)}`);
  holder.set(key, value);
}

function call(callee: unknown, values: unknown[]): unknown[] {
  if (typeof callee !== "function") throw new TypeError(`attempt to call ${describe(callee)}`);
  return (callee as LuaFunction)(...values);
}

/** What a numeric `for` counts through. */
function* counted(from: unknown, to: unknown, step: unknown = 1): Generator<unknown[]> {
  const [end, by] = [number(to), number(step)];
  for (let value = number(from); by > 0 ? value <= end : value >= end; value += by) yield [value];
}

/** What a generic `for` goes through: an iterator function, its state, and where it begins. */
function* each(iterate: unknown, state: unknown, from: unknown): Generator<unknown[]> {
  for (let values = call(iterate, [state, from]); values[0] !== undefined; values = call(iterate, [state, values[0]])) {
    yield values;
  }
}

function describe(value: unknown): string {
  if (value === undefined) return "a nil value";
  if (value instanceof LuaTable) return "a table value";
  return `a ${typeof value} value`;
}

/** What translated scripts call. */
export const OPERATORS = {
  table,
  truthy,
  or,
  and,
  number,
  text,
  less,
  modulo,
  length,
  at,
  put,
  call,
  counted,
  each,
} as const;
