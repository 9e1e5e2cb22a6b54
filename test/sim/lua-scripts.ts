// The store's scripts as functions of JavaScript, and the values that go in and out of them.
import { compileFunction } from "node:vm";
import type { Reply } from "./keyspace.ts";
import { translate } from "./lua/translate.ts";
import * as values from "./lua/values.ts";

export type CompiledScript = (globals: Record<string, unknown>, operators: typeof values.OPERATORS) => unknown[];

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

/** As a script gives it to a command. */
export function commandArgument(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  throw new TypeError("Lua redis lib command arguments must be strings or integers");
}

export function toLua(reply: Reply): unknown {
  if (reply === null) return false;
  return typeof reply === "object" ? values.table(reply.map(toLua)) : reply;
}

/** As the server turns what a script returns into an answer: numbers lose their fraction, a list ends at its first nil. */
export function fromLua(value: unknown): Reply {
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
