// Writes canonical JSON (RFC 8785) as UTF-8, byte by byte into memory that is used again: most of it is short and plain, for
// which putting texts together, flattening and encoding them takes three times as long.

type Fields = Readonly<Record<string, unknown>>;

/** What it is given back with; more is let go. */
const KEPT_BYTES = 1 << 20;
const FIRST_BYTES = 1 << 14;

/** From so many characters on, V8's own JSON is quicker than a loop over them. */
const LONG_TEXT = 160;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NEW_LINE = 0x0a;
const LETTER_N = 0x6e;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

export class CanonicalWriter {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;
  #isAscii = true;
  readonly #orders = new KeyOrders();

  /** The bytes are good until the next use. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  text(): string {
    return this.#bytes.toString(this.#isAscii ? "latin1" : "utf8", 0, this.#length);
  }

  clear(): void {
    this.#length = 0;
    this.#isAscii = true;
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafe(FIRST_BYTES);
  }

  /** Throws TypeError for what JSON cannot hold; a RangeError for what holds itself. */
  value(value: unknown): void {
    switch (typeof value) {
      case "string":
        return this.#text(value);
      case "number":
        if (!Number.isFinite(value)) throw new TypeError(`canonicalJson: ${value} has no JSON form`);
        return this.#plain(`${value}`);
      case "boolean":
        return this.#plain(value ? "true" : "false");
      case "object":
        if (value === null) return this.#plain("null");
        if (Array.isArray(value)) return this.#list(value);
        return "toJSON" in value && typeof value.toJSON === "function"
          ? this.value(value.toJSON())
          : this.#object(value as Fields);
      case "bigint":
      case "function":
      case "symbol":
      case "undefined":
        throw new TypeError(`canonicalJson: a ${typeof value} has no JSON form`);
    }
  }

  /** `{ ...under, ...over }`; a field of `over` that is undefined leaves that of `under`. */
  merged(under: Fields, over: Fields): void {
    const keys = Object.keys(over);
    for (const key of Object.keys(under)) if (!Object.hasOwn(over, key)) keys.push(key);
    this.#byte(OPEN);
    let isFirst = true;
    for (const key of this.#orders.of(keys)) {
      const own = over[key];
      isFirst = this.#member(key, own === undefined ? under[key] : own, isFirst);
    }
    this.#byte(CLOSE);
  }

  #object(object: Fields): void {
    this.#byte(OPEN);
    let isFirst = true;
    for (const key of this.#orders.of(Object.keys(object))) isFirst = this.#member(key, object[key], isFirst);
    this.#byte(CLOSE);
  }

  /** Answers whether the next one is still the first. */
  #member(key: string, value: unknown, isFirst: boolean): boolean {
    if (value === undefined || typeof value === "symbol") return isFirst;
    if (!isFirst) this.#byte(COMMA);
    this.#text(key);
    this.#byte(COLON);
    this.value(value);
    return false;
  }

  #list(list: readonly unknown[]): void {
    this.#byte(OPEN_LIST);
    for (let at = 0; at < list.length; at += 1) {
      if (at > 0) this.#byte(COMMA);
      const item = list[at];
      if (item === undefined || typeof item === "symbol") this.#plain("null");
      else this.value(item);
    }
    this.#byte(CLOSE_LIST);
  }

  #text(text: string): void {
    if (text.length > LONG_TEXT) return this.#otherText(text);
    this.#reserve(2 * text.length + 2);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = QUOTE;
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code === QUOTE || code === BACKSLASH) {
        bytes[at++] = BACKSLASH;
        bytes[at++] = code;
      } else if (code === NEW_LINE) {
        bytes[at++] = BACKSLASH;
        bytes[at++] = LETTER_N;
      } else if (code < 0x20 || code > 0x7e) return this.#otherText(text);
      else bytes[at++] = code;
    }
    bytes[at++] = QUOTE;
    this.#length = at;
  }

  #otherText(text: string): void {
    if (!text.isWellFormed()) throw new TypeError("canonicalJson: half a surrogate pair has no JSON form");
    const quoted = JSON.stringify(text);
    this.#reserve(3 * quoted.length);
    const length = this.#bytes.write(quoted, this.#length, "utf8");
    if (length !== quoted.length) this.#isAscii = false;
    this.#length += length;
  }

  /** ASCII, and nothing of it is escaped. */
  #plain(text: string): void {
    this.#reserve(text.length);
    for (let index = 0; index < text.length; index += 1) this.#bytes[this.#length++] = text.charCodeAt(index);
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  #reserve(length: number): void {
    const needed = this.#length + length;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** So many lists of keys that begin with the same one are remembered; the others are sorted each time. */
const ORDERS_OF_ONE_KEY = 24;
const FIRST_KEYS = 1_000;

interface KeyOrder {
  readonly keys: readonly string[];
  readonly sorted: readonly string[];
}

/** Keys in the order of UTF-16 code units, which is what the RFC asks for. Objects are of few shapes. */
class KeyOrders {
  readonly #known = new Map<string, KeyOrder[]>();

  of(keys: readonly string[]): readonly string[] {
    if (isSorted(keys)) return keys;
    const [first = ""] = keys;
    const known = this.#known.get(first) ?? [];
    const found = known.find((order) => isSame(order.keys, keys));
    if (found !== undefined) return found.sorted;
    const sorted = keys.toSorted();
    if (known.length < ORDERS_OF_ONE_KEY) known.push({ keys, sorted });
    if (this.#known.size < FIRST_KEYS) this.#known.set(first, known);
    return sorted;
  }
}

function isSorted(keys: readonly string[]): boolean {
  for (let at = 1; at < keys.length; at += 1) if ((keys[at - 1] ?? "") > (keys[at] ?? "")) return false;
  return true;
}

function isSame(keys: readonly string[], others: readonly string[]): boolean {
  if (keys.length !== others.length) return false;
  for (let at = 0; at < keys.length; at += 1) if (keys[at] !== others[at]) return false;
  return true;
}
