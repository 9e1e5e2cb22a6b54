// The breakers of an environment that are not at rest, as people see them.
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { breakerKeys, environmentKeys } from "./keys.ts";
import { fieldsOf, listOf, numberOf, textsOf } from "./reply.ts";
import { defineScript, runScript } from "./script.ts";
import { NOW } from "./scripts/lua.ts";

/** half-open: its time is over, and the next call is the probe. closed: some calls failed, not enough of them. */
export interface Breaker {
  /** `namespace/name` of the ModelEndpoint. */
  readonly endpoint: string;
  readonly state: "closed" | "open" | "half-open";
  readonly failures: number;
  /** Times that it opened in a row. */
  readonly opens: number;
  readonly remainingMs: number;
  readonly lastFailure: { readonly code: string; readonly message: string; readonly at: string };
}

/** KEYS 1 breaker. Answers {now, its fields}. */
const LOOK = defineScript(`${NOW}
return { string.format('%d', now), redis.call('HGETALL', KEYS[1]) }
`);

/** By endpoint. Those that are not among them are closed. */
export async function listBreakers(redis: Redis, env: string): Promise<Breaker[]> {
  const index = environmentKeys(env).breakers;
  const members = textsOf(index, await ask(redis, () => redis.zrange(index, 0, "-1")));
  const found = await Promise.all(members.toSorted().map((endpoint) => lookAt(redis, env, endpoint)));
  return found.flatMap((breaker) => (breaker === undefined ? [] : [breaker]));
}

/** undefined: it came to rest, and its entry will follow. */
async function lookAt(redis: Redis, env: string, endpoint: string): Promise<Breaker | undefined> {
  const [namespace = "", name = ""] = endpoint.split("/");
  const what = `the breaker of ${endpoint}`;
  const { breaker } = breakerKeys(env, { namespace, name });
  const [now, flat] = listOf(what, await runScript(redis, LOOK, [breaker], []));
  const { openUntil, failures, opens = "0", code = "", message = "", at } = fieldsOf(what, flat);
  if (failures === undefined) return undefined;
  const remainingMs = openUntil === undefined ? 0 : Math.max(0, numberOf(what, openUntil) - numberOf(what, now));
  return {
    endpoint,
    state: openUntil === undefined ? "closed" : remainingMs > 0 ? "open" : "half-open",
    failures: numberOf(what, failures),
    opens: numberOf(what, opens),
    remainingMs,
    lastFailure: { code, message, at: new Date(numberOf(what, at)).toISOString() },
  };
}
