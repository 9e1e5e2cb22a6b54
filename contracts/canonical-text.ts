// Writes canonical JSON (RFC 8785) as text. The loops over characters are V8's own (a pattern, JSON.stringify): in a process
// that has seen texts of every making, each `charCodeAt` of ours is looked up anew, and takes longer than all the rest.

type Fields = Readonly<Record<string, unknown>>;

/**
 * The canonical JSON of a value; keys whose value is undefined are left out. Throws TypeError for what JSON cannot hold, and a
 * RangeError for what holds itself. Every event of a trace goes through here: npm's canonicalize takes several times as long.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`canonicalJson: ${value} has no JSON form`);
      return `${value}`;
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) return listText(value);
      return "toJSON" in value && typeof value.toJSON === "function"
        ? canonicalJson(value.toJSON())
        : membersText(keyOrders.of(Object.keys(value)), value as Fields, value as Fields);
    case "bigint":
    case "function":
    case "symbol":
    case "undefined":
      throw new TypeError(`canonicalJson: a ${typeof value} has no JSON form`);
  }
}

/**
 * The canonical JSON of `{ ...under, ...over }`, without making that object: to put two of a dozen fields together takes
 * V8 several times as long as to write them down. A field of `over` that is undefined leaves that of `under`.
 */
export function canonicalMerged(under: Fields, over: Fields): string {
  const keys = Object.keys(over);
  for (const key of Object.keys(under)) if (!Object.hasOwn(over, key)) keys.push(key);
  return membersText(keyOrders.of(keys), under, over);
}

function membersText({ sorted, labels }: KeyOrder, under: Fields, over: Fields): string {
  let text = "";
  for (let at = 0; at < sorted.length; at += 1) {
    const key = sorted[at] ?? "";
    const own = over[key];
    const value = own === undefined ? under[key] : own;
    if (value === undefined || typeof value === "symbol") continue;
    text += (text === "" ? "{" : ",") + labels[at] + canonicalJson(value);
  }
  return text === "" ? "{}" : `${text}}`;
}

function listText(list: readonly unknown[]): string {
  let text = "[";
  for (let at = 0; at < list.length; at += 1) {
    const item = list[at];
    if (at > 0) text += ",";
    text += item === undefined || typeof item === "symbol" ? "null" : canonicalJson(item);
  }
  return `${text}]`;
}

/** Outside of these characters a text may need escaping, or be no text at all. */
const NOT_PLAIN = /[^ !#-[\]-~]/;
/** From so many characters on, JSON.stringify is quicker than the pattern. */
const LONG_TEXT = 200;

function quoted(text: string): string {
  if (text.length < LONG_TEXT && !NOT_PLAIN.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw new TypeError("canonicalJson: half a surrogate pair has no JSON form");
  return JSON.stringify(text);
}

/** So many lists of keys that begin with the same one are remembered; the others are sorted each time. */
const ORDERS_OF_ONE_KEY = 24;
const FIRST_KEYS = 1_000;

interface KeyOrder {
  readonly sorted: readonly string[];
  /** `"key":` of each. */
  readonly labels: readonly string[];
}

interface KnownOrder extends KeyOrder {
  readonly keys: readonly string[];
}

/** Keys in the order of UTF-16 code units, which is what the RFC asks for. Objects are of few shapes. */
class KeyOrders {
  readonly #known = new Map<string, KnownOrder[]>();

  of(keys: readonly string[]): KeyOrder {
    const [first = ""] = keys;
    const known = this.#known.get(first) ?? [];
    for (const order of known) if (isSame(order.keys, keys)) return order;
    const sorted = keys.toSorted();
    const made = { keys, sorted, labels: sorted.map((key) => `${quoted(key)}:`) };
    if (known.length < ORDERS_OF_ONE_KEY) known.push(made);
    if (this.#known.size < FIRST_KEYS) this.#known.set(first, known);
    return made;
  }
}

const keyOrders = new KeyOrders();

function isSame(keys: readonly string[], others: readonly string[]): boolean {
  if (keys.length !== others.length) return false;
  for (let at = 0; at < keys.length; at += 1) if (keys[at] !== others[at]) return false;
  return true;
}
