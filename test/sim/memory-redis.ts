// A Redis in memory: the data types and commands that the store's scripts and readers use, on a clock that is given, and
// the scripts themselves, run as they are. What it does not know it refuses. Held to the real server by conformance.test.ts.
import { createHash } from "node:crypto";
import { runCommand } from "./commands.ts";
import { Keyspace, type Reply } from "./keyspace.ts";
import { standardLibrary } from "./lua/library.ts";
import * as values from "./lua/values.ts";
import { type CompiledScript, commandArgument, fromLua, LuaScripts, toLua } from "./lua-scripts.ts";

export class MemoryRedis {
  readonly #space: Keyspace;
  readonly #scripts: LuaScripts;
  readonly #library = { ...standardLibrary(), redis: this.#redisTable() };
  #known = new Map<string, CompiledScript>();

  constructor(now: () => number, scripts = new LuaScripts()) {
    this.#space = new Keyspace(now);
    this.#scripts = scripts;
  }

  keys(): readonly string[] {
    return this.#space.keys();
  }

  /** Tells of every entry of a stream and of every field of a hash that is written. */
  watch(see: Keyspace["watch"]): void {
    this.#space.watch = see;
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
        return runCommand(this.#space, name.toUpperCase(), first, rest);
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
      toLua(this.run(values.text(name), args.map(commandArgument))),
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
}
