// A Redis in memory: the data types and commands that the store's scripts and readers use, on a clock that is given, and
// the scripts themselves, run as they are. What it does not know it refuses. Held to the real server by conformance.test.ts.
import { createHash } from "node:crypto";
import { compileFunction } from "node:vm";
import { standardLibrary } from "./lua/library.ts";
import { translate } from "./lua/translate.ts";
import * as values from "./lua/values.ts";

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

type ValueOf<T extends Value["type"]> = Extract<Value, { type: T }>;
type CompiledScript = (globals: Record<string, unknown>, operators: typeof values.OPERATORS) => unknown[];

/** Scripts that were translated once; may be shared by any number of servers. */
export class LuaScripts {
  readonly #translated = new Map<string, CompiledScript>();
  readonly #rewrite: (lua: string) => string;

  /** `rewrite` may spoil scripts, to see whether it is noticed. */
  constructor(rewrite: (lua: string) => string = (lua) => lua) {
    this.#rewrite = rewrite;
  }

  find(sha: string, lua: string): CompiledScript {
    const found =
      this.#translated.get(sha) ?? (compileFunction(translate(this.#rewrite(lua)), ["G", "rt"]) as CompiledScript);
    this.#translated.set(sha, found);
    return found;
  }
}

export class MemoryRedis {
  readonly #now: () => number;
  readonly #scripts: LuaScripts;
  readonly #data = new Map<string, Value>();
  readonly #expiries = new Map<string, number>();
  readonly #library = { ...standardLibrary(), redis: this.#redisTable() };
  #known = new Map<string, CompiledScript>();
  /** Told of every entry of a stream and of every field of a hash that is written. */
  watch: (key: string, field: string, value: string) => void = () => undefined;

  constructor(now: () => number, scripts = new LuaScripts()) {
    this.#now = now;
    this.#scripts = scripts;
  }

  keys(): readonly string[] {
    return [...this.#data.keys()].filter((key) => this.#find(key) !== undefined).toSorted();
  }

  /** A restart keeps the data and forgets the scripts. */
  restart(): void {
    this.#known = new Map();
  }

  run(name: string, args: readonly string[]): Reply {
    const [first = "", ...rest] = args;
    switch (name.toUpperCase()) {
      case "EVAL":
        return this.#eval(this.#compile(first), rest);
      case "EVALSHA": {
        const script = this.#known.get(first);
        if (script === undefined) throw new Error("NOSCRIPT No matching script. Please use EVAL.");
        return this.#eval(script, rest);
      }
      default:
        return this.#command(name.toUpperCase(), first, rest);
    }
  }

  #compile(lua: string): CompiledScript {
    const sha = createHash("sha1").update(lua).digest("hex");
    const script = this.#scripts.find(sha, lua);
    this.#known.set(sha, script);
    return script;
  }

  #eval(script: CompiledScript, [count = "0", ...rest]: readonly string[]): Reply {
    const keys = rest.slice(0, Number(count));
    const globals = { ...this.#library, KEYS: values.table(keys), ARGV: values.table(rest.slice(Number(count))) };
    return fromLua(script(globals, values.OPERATORS)[0]);
  }

  #redisTable(): values.LuaTable {
    const call = (name: unknown, ...args: unknown[]): unknown[] => [
      toLua(this.run(values.text(name), args.map(argument))),
    ];
    const errorReply = (text: unknown): unknown[] => [values.table([], [["err", text]])];
    return values.table(
      [],
      [
        ["call", call],
        ["error_reply", errorReply],
      ],
    );
  }

  #find(key: string): Value | undefined {
    const until = this.#expiries.get(key);
    if (until === undefined || until > this.#now()) return this.#data.get(key);
    this.#remove(key);
    return undefined;
  }

  #remove(key: string): number {
    this.#expiries.delete(key);
    return this.#data.delete(key) ? 1 : 0;
  }

  #of<T extends Value["type"]>(key: string, empty: ValueOf<T>): ValueOf<T> {
    const found = this.#find(key) ?? empty;
    if (found.type !== empty.type) throw new Error("WRONGTYPE Operation against a key holding the wrong kind of value");
    return found as ValueOf<T>;
  }

  /** A key whose last member is gone is gone. */
  #keep(key: string, value: Value): void {
    if (sizeOf(value) === 0) this.#remove(key);
    else this.#data.set(key, value);
  }

  #string(key: string): ValueOf<"string"> {
    return this.#of(key, { type: "string", text: "" });
  }

  #hash(key: string): ValueOf<"hash"> {
    return this.#of(key, { type: "hash", fields: new Map() });
  }

  #list(key: string): ValueOf<"list"> {
    return this.#of(key, { type: "list", items: [] });
  }

  #set(key: string): ValueOf<"set"> {
    return this.#of(key, { type: "set", members: new Set() });
  }

  #zset(key: string): ValueOf<"zset"> {
    return this.#of(key, { type: "zset", scores: new Map() });
  }

  #stream(key: string): ValueOf<"stream"> {
    return this.#of(key, { type: "stream", entries: [] });
  }

  // One long list on purpose: a command is a line or two, and whoever misses one finds the place.
  #command(name: string, key: string, args: readonly string[]): Reply {
    const [a = "", b = ""] = args;
    switch (name) {
      case "TIME": {
        const ms = this.#now();
        return [String(Math.floor(ms / 1_000)), String((ms % 1_000) * 1_000)];
      }
      case "PUBLISH":
        return 0;
      case "DEL":
      case "UNLINK":
        return [key, ...args].reduce(
          (gone, each) => gone + (this.#find(each) === undefined ? 0 : this.#remove(each)),
          0,
        );
      case "EXISTS":
        return [key, ...args].filter((each) => this.#find(each) !== undefined).length;
      case "TYPE":
        return this.#find(key)?.type ?? "none";
      case "EXPIRE":
      case "PEXPIRE":
        if (this.#find(key) === undefined) return 0;
        this.#expiries.set(key, this.#now() + Number(a) * (name === "EXPIRE" ? 1_000 : 1));
        return 1;
      case "PERSIST":
        return this.#expiries.delete(key) ? 1 : 0;
      case "RENAME": {
        const moved = this.#find(key);
        if (moved === undefined) throw new Error("ERR no such key");
        this.#remove(key);
        this.#data.set(a, moved);
        return "OK";
      }
      case "GET":
        return this.#find(key) === undefined ? null : this.#string(key).text;
      case "SET":
        return this.#setText(
          key,
          a,
          args.slice(1).map((option) => option.toUpperCase()),
        );
      case "INCR": {
        const next = String(Number(this.#find(key) === undefined ? 0 : this.#string(key).text) + 1);
        this.#data.set(key, { type: "string", text: next });
        return Number(next);
      }
      case "HGET":
        return this.#hash(key).fields.get(a) ?? null;
      case "HMGET":
        return args.map((field) => this.#hash(key).fields.get(field) ?? null);
      case "HGETALL":
        return [...this.#hash(key).fields].flat();
      case "HKEYS":
        return [...this.#hash(key).fields.keys()];
      case "HVALS":
        return [...this.#hash(key).fields.values()];
      case "HLEN":
        return this.#hash(key).fields.size;
      case "HEXISTS":
        return this.#hash(key).fields.has(a) ? 1 : 0;
      case "HSET":
        return this.#hset(key, this.#hash(key), args);
      case "HSETNX":
        return this.#hash(key).fields.has(a) ? 0 : this.#hset(key, this.#hash(key), args);
      case "HDEL": {
        const found = this.#hash(key);
        const gone = args.filter((field) => found.fields.delete(field)).length;
        this.#keep(key, found);
        return gone;
      }
      case "HINCRBY":
      case "HINCRBYFLOAT": {
        const found = this.#hash(key);
        const sum = Number(found.fields.get(a) ?? 0) + Number(b);
        this.#hset(key, found, [a, name === "HINCRBY" ? String(sum) : values.numberText(sum)]);
        return name === "HINCRBY" ? sum : values.numberText(sum);
      }
      case "RPUSH": {
        const found = this.#list(key);
        found.items.push(...args);
        this.#data.set(key, found);
        return found.items.length;
      }
      case "LRANGE":
        return rangeOf(this.#list(key).items, Number(a), Number(b));
      case "LLEN":
        return this.#list(key).items.length;
      case "SADD": {
        const found = this.#set(key);
        const before = found.members.size;
        for (const member of args) found.members.add(member);
        this.#data.set(key, found);
        return found.members.size - before;
      }
      case "SREM": {
        const found = this.#set(key);
        const gone = args.filter((member) => found.members.delete(member)).length;
        this.#keep(key, found);
        return gone;
      }
      case "SMEMBERS":
        return [...this.#set(key).members];
      case "SISMEMBER":
        return this.#set(key).members.has(a) ? 1 : 0;
      case "SCARD":
        return this.#set(key).members.size;
      case "ZADD":
        return this.#zadd(key, this.#zset(key), args);
      case "ZREM": {
        const found = this.#zset(key);
        const gone = args.filter((member) => found.scores.delete(member)).length;
        this.#keep(key, found);
        return gone;
      }
      case "ZCARD":
        return this.#zset(key).scores.size;
      case "ZSCORE": {
        const score = this.#zset(key).scores.get(a);
        return score === undefined ? null : String(score);
      }
      case "ZRANGE":
      case "ZREVRANGE": {
        const sorted = sortedOf(this.#zset(key), name === "ZREVRANGE");
        const chosen = rangeOf(sorted, Number(a), Number(b));
        return args[2]?.toUpperCase() === "WITHSCORES"
          ? chosen.flatMap(([member, score]) => [member, String(score)])
          : chosen.map(([member]) => member);
      }
      case "ZRANGEBYSCORE": {
        const found = sortedOf(this.#zset(key)).filter(([, score]) => score >= bound(a) && score <= bound(b));
        const [, , option, offset = "0", count = "-1"] = args;
        const limited = option?.toUpperCase() === "LIMIT" && Number(count) >= 0;
        const from = option?.toUpperCase() === "LIMIT" ? Number(offset) : 0;
        return found.slice(from, limited ? from + Number(count) : undefined).map(([member]) => member);
      }
      case "ZREMRANGEBYRANK": {
        const found = this.#zset(key);
        const gone = rangeOf(sortedOf(found), Number(a), Number(b));
        for (const [member] of gone) found.scores.delete(member);
        this.#keep(key, found);
        return gone.length;
      }
      case "XADD":
        return this.#xadd(key, this.#stream(key), args);
      case "XLEN":
        return this.#stream(key).entries.length;
      case "XREVRANGE":
        return xrange(this.#stream(key), [b, a, ...args.slice(2)], true);
      case "XRANGE":
        return xrange(this.#stream(key), args);
      default:
        throw new Error(`ERR the model does not know the command ${name}`);
    }
  }

  #setText(key: string, text: string, options: readonly string[]): Reply {
    if (options.includes("NX") && this.#find(key) !== undefined) return null;
    this.#remove(key);
    this.#data.set(key, { type: "string", text });
    const px = options.indexOf("PX");
    if (px !== -1) this.#expiries.set(key, this.#now() + Number(options[px + 1]));
    return "OK";
  }

  #hset(key: string, found: ValueOf<"hash">, pairs: readonly string[]): number {
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

  #zadd(key: string, found: ValueOf<"zset">, args: readonly string[]): number {
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
  #xadd(key: string, found: ValueOf<"stream">, args: readonly string[]): string {
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

function sortedOf({ scores }: ValueOf<"zset">, reversed = false): [string, number][] {
  const sorted = [...scores].toSorted(([left, a], [right, b]) => a - b || (left < right ? -1 : 1));
  return reversed ? sorted.toReversed() : sorted;
}

/** Both ends included; negative ones count from the end. */
function rangeOf<T>(items: readonly T[], from: number, to: number): T[] {
  const place = (at: number): number => (at < 0 ? items.length + at : at);
  return items.slice(Math.max(0, place(from)), Math.max(0, place(to) + 1));
}

function bound(text: string): number {
  if (text === "-inf") return -Infinity;
  return text === "+inf" ? Infinity : Number(text);
}

function sequence(id: string): number {
  return Number(id.split("-", 1)[0]);
}

function xrange(
  { entries }: ValueOf<"stream">,
  [from = "-", to = "+", ...options]: readonly string[],
  newestFirst = false,
): Reply {
  const isOpen = from.startsWith("(");
  const first = from === "-" ? 0 : sequence(isOpen ? from.slice(1) : from) + (isOpen ? 1 : 0);
  const last = to === "+" ? Infinity : sequence(to);
  const count = options[0]?.toUpperCase() === "COUNT" ? Number(options[1]) : Infinity;
  const found = entries.filter(([id]) => sequence(id) >= first && sequence(id) <= last);
  return (newestFirst ? found.toReversed() : found).slice(0, count).map(([id, fields]) => [id, fields]);
}

function argument(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  throw new TypeError("Lua redis lib command arguments must be strings or integers");
}

function toLua(reply: Reply): unknown {
  if (reply === null) return false;
  return typeof reply === "object" ? values.table(reply.map(toLua)) : reply;
}

/** As the server turns what a script returns into an answer: numbers lose their fraction, a list ends at its first nil. */
function fromLua(value: unknown): Reply {
  if (value === undefined || value === false) return null;
  if (value === true) return 1;
  if (typeof value === "number") return Math.trunc(value);
  if (typeof value === "string") return value;
  if (!(value instanceof values.LuaTable)) throw new TypeError("a script may not return a function");
  const failure = value.get("err");
  if (failure !== undefined) throw new Error(values.text(failure));
  const end = value.list.findIndex((item) => item === undefined);
  return (end === -1 ? value.list : value.list.slice(0, end)).map(fromLua);
}
