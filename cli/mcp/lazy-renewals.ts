// Where runners meet over the logins of an environment, for commands that need it only where a server was logged in at.
import { randomUUID } from "node:crypto";
import { openRenewals, type Renewals } from "../../store/renewals.ts";
import type { Host } from "../host.ts";
import type { OpenRedis, RedisFlags } from "../redis.ts";

export interface LazyRenewals {
  /** undefined: no Redis is named, and no runner would hear of what is renewed. */
  readonly renewals: Renewals | undefined;
  readonly close: () => Promise<void>;
}

export function lazyRenewals(host: Host, flags: RedisFlags & { readonly env: string }): LazyRenewals {
  if ((flags.redis ?? host.config.redisUrl) === undefined)
    return { renewals: undefined, close: () => Promise.resolve() };
  const holder = randomUUID();
  let opening: Promise<OpenRedis> | undefined;
  const opened = async (): Promise<Renewals> => {
    const { openRedis } = await import("../redis.ts");
    opening ??= openRedis(host, flags);
    return openRenewals((await opening).redis, flags.env, holder);
  };
  return {
    renewals: {
      begin: async (id) => (await opened()).begin(id),
      end: async (id, after, box) => (await opened()).end(id, after, box),
    },
    close: async () => (await opening?.catch(() => undefined))?.close(),
  };
}
