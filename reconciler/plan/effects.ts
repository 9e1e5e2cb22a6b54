// What a change of a field means for what is started, opened and reached, in words for people: a digest or a port among
// thirty other fields tells nobody that other code will run. Pure; only of what was there before.
import type { KindName } from "../../contracts/address.ts";
import type { Change } from "../../contracts/plan.ts";
import { valueAt } from "./field-diff.ts";

interface Meaning {
  /** Of a field, or of what is below it. */
  readonly path: RegExp;
  /** Of what the manifest says now, by JSON pointer. */
  readonly effect: string | ((says: (pointer: string) => unknown) => string);
}

const PLACE = "its calls go to another place";
const WALLS = "it runs within other walls";
const GIVEN = "it is given other values or credentials";
const MESSAGES = "it calls another method, or with other messages: arguments are checked against the new ones";
const MODULE = "it runs another module: runners start only the one that has the new digest";
const SPEAKERS = "what is said to its model goes to another place";

const MEANINGS: Readonly<Partial<Record<KindName, readonly Meaning[]>>> = {
  Tool: [
    of("type", "it is called in another way"),
    of("endpoint", PLACE),
    of("mcp_server_ref|mcp_tool_name", "it is another tool of a server, or of another server"),
    of("cli/command", "it runs another program"),
    of("cli/args", "its program gets other arguments"),
    of("cli/image", "its program runs from another image"),
    of("cli/(?:network|resources|working_dir)|runtime/isolation_mode", WALLS),
    of("cli/(?:env|env_from|image_pull_secret)|auth", GIVEN),
    of("wasm/sha256", MODULE),
    of("wasm/(?:module|entrypoint)", "its module is looked for elsewhere, or called otherwise"),
    of("wasm/max_memory_bytes", WALLS),
    of("grpc/(?:service|method|proto)", MESSAGES),
    of("grpc/plaintext", (says) =>
      says("/spec/grpc/plaintext") === true
        ? "its calls are no longer encrypted"
        : "its calls are encrypted from now on",
    ),
    of("callback/auth", (says) =>
      says("/spec/callback/auth") === undefined
        ? "an answer that is sent to us has less to prove"
        : "an answer that is sent to us has to prove otherwise that it is genuine",
    ),
    of("callback/poll_interval", (says) =>
      says("/spec/callback/poll_interval") === "0s"
        ? "it is no longer asked for its answers"
        : "it is asked for its answers at other times",
    ),
  ],
  McpServer: [
    of("transport|protocol", "it is spoken to in another way"),
    of("endpoint", PLACE),
    of("command", "it runs another program"),
    of("args", "its program gets other arguments"),
    of("image", "it runs from another image"),
    of("network|resources|default_tool_runtime/isolation_mode", WALLS),
    of("env|auth|image_pull_secret", GIVEN),
    of("tool_filter", "other tools of it exist here"),
    of("pins", "other definitions of its tools count as reviewed"),
  ],
  ModelEndpoint: [of("provider|base_url", SPEAKERS), of("auth", GIVEN)],
  Memory: [of("provider|endpoint|endpoint_secret_ref", "it is kept in another place"), of("auth", GIVEN)],
};

function of(path: string, effect: Meaning["effect"]): Meaning {
  return { path: new RegExp(`^/spec/(?:${path})(?:/|$)`), effect };
}

/** Sentences, each once, in an order of their own. */
export function effectsOf({ kind, action, blocked, fields, after }: Change): readonly string[] {
  if ((action !== "update" && action !== "move") || blocked !== undefined) return [];
  const found = (MEANINGS[kind] ?? []).flatMap(({ path, effect }) => {
    if (!fields.some((field) => path.test(field.path))) return [];
    return [typeof effect === "string" ? effect : effect((pointer) => valueAt(after, pointer))];
  });
  return [...new Set(found)];
}
