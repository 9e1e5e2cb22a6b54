// The keys of a Redis in memory: values of each type, when they expire, and what is written to them.
import { sequence } from "./ranges.ts";

/** What a server answers: a number, text, nothing, or a list of these. */
export type Reply = number | string | null | readonly Reply[];

type Entry = readonly [id: string, fields: readonly string[]];

export type Value =
  | { readonly type: "string"; text: string }
  | { readonly type: "hash"; readonly fields: Map<string, string> }
  | { readonly type: "list"; readonly items: string[] }
  | { readonly type: "set"; readonly members: Set<string> }
  | { readonly type: "zset"; readonly scores: Map<string, number> }
  | { readonly type: "stream"; readonly entries: Entry[] };

export type ValueOf<T extends Value["type"]> = Extract<Value, { type: T }>;
export class Keyspace {
  readonly #now: () => number;
  readonly #data = new Map<string, Value>();
  readonly #expiries = new Map<string, number>();
  /** Told of every entry of a stream and of every field of a hash that is written. */
  watch: (key: string, field: string, value: string) => void = () => undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  nowMs(): number {
    return this.#now();
  }

  keys(): readonly string[] {
    return [...this.#data.keys()].filter((key) => this.find(key) !== undefined).toSorted();
  }

  put(key: string, value: Value): void {
    this.#data.set(key, value);
  }

  /** From now on. */
  expire(key: string, ms: number): void {
    this.#expiries.set(key, this.#now() + ms);
  }

  /** Whether it would have expired. */
  persist(key: string): boolean {
    return this.#expiries.delete(key);
  }

  find(key: string): Value | undefined {
    const until = this.#expiries.get(key);
    if (until === undefined || until > this.#now()) return this.#data.get(key);
    this.remove(key);
    return undefined;
  }

  remove(key: string): number {
    this.#expiries.delete(key);
    return this.#data.delete(key) ? 1 : 0;
  }

  of<T extends Value["type"]>(key: string, empty: ValueOf<T>): ValueOf<T> {
    const found = this.find(key) ?? empty;
    if (found.type !== empty.type) throw new Error("WRONGTYPE Operation against a key holding the wrong kind of value");
    return found as ValueOf<T>;
  }

  /** A key whose last member is gone is gone. */
  keep(key: string, value: Value): void {
    if (sizeOf(value) === 0) this.remove(key);
    else this.#data.set(key, value);
  }

  string(key: string): ValueOf<"string"> {
    return this.of(key, { type: "string", text: "" });
  }

  hash(key: string): ValueOf<"hash"> {
    return this.of(key, { type: "hash", fields: new Map() });
  }

  list(key: string): ValueOf<"list"> {
    return this.of(key, { type: "list", items: [] });
  }

  set(key: string): ValueOf<"set"> {
    return this.of(key, { type: "set", members: new Set() });
  }

  zset(key: string): ValueOf<"zset"> {
    return this.of(key, { type: "zset", scores: new Map() });
  }

  stream(key: string): ValueOf<"stream"> {
    return this.of(key, { type: "stream", entries: [] });
  }

  setText(key: string, text: string, options: readonly string[]): Reply {
    if (options.includes("NX") && this.find(key) !== undefined) return null;
    this.remove(key);
    this.#data.set(key, { type: "string", text });
    const px = options.indexOf("PX");
    if (px !== -1) this.#expiries.set(key, this.#now() + Number(options[px + 1]));
    return "OK";
  }

  setFields(key: string, found: ValueOf<"hash">, pairs: readonly string[]): number {
    let added = 0;
    for (let index = 0; index + 1 < pairs.length; index += 2) {
      const [field = "", value = ""] = pairs.slice(index, index + 2);
      if (!found.fields.has(field)) added += 1;
      found.fields.set(field, value);
      this.watch(key, field, value);
    }
    this.#data.set(key, found);
    return added;
  }

  addScores(key: string, found: ValueOf<"zset">, args: readonly string[]): number {
    const onlyNew = args[0]?.toUpperCase() === "NX";
    const before = found.scores.size;
    for (let index = onlyNew ? 1 : 0; index + 1 < args.length; index += 2) {
      const [score = "", member = ""] = args.slice(index, index + 2);
      if (!onlyNew || !found.scores.has(member)) found.scores.set(member, Number(score));
    }
    this.#data.set(key, found);
    return found.scores.size - before;
  }

  /** Only with ids of the caller. MAXLEN is a wish about memory (`~`), which the model leaves unfulfilled. */
  addEntry(key: string, found: ValueOf<"stream">, args: readonly string[]): string {
    const from = args[0]?.toUpperCase() === "MAXLEN" ? (args[1] === "~" ? 3 : 2) : 0;
    const [id = "", ...fields] = args.slice(from);
    const last = found.entries.at(-1)?.[0] ?? "0-0";
    if (sequence(id) <= sequence(last)) {
      throw new Error("ERR The ID specified in XADD is equal or smaller than the target stream top item");
    }
    found.entries.push([id, fields]);
    this.#data.set(key, found);
    this.watch(key, id, fields.at(-1) ?? "");
    return id;
  }
}

function sizeOf(value: Value): number {
  switch (value.type) {
    case "string":
    case "stream":
      return 1;
    case "hash":
      return value.fields.size;
    case "list":
      return value.items.length;
    case "set":
      return value.members.size;
    case "zset":
      return value.scores.size;
  }
}
