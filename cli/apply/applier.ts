// Who applies, for the history: the holder of COUNTWHEEL_TOKEN, or else whoever the command says it is.
import { type Identity, identityText } from "../../contracts/approval.ts";
import type { Redis } from "../../store/connect.ts";
import type { Host } from "../host.ts";
import { identityOf } from "../identity.ts";
import { personOf } from "../person.ts";

export interface Applying {
  readonly env: string;
  /** Proven already, by whoever calls on somebody's behalf: no flag sets it, and the token of this process is not theirs. */
  readonly by?: Identity;
  /** What they call themselves. */
  readonly as?: string;
}

/** Throws BlockedFailure where the token is not good, or not for this. */
export async function applierOf(host: Host, redis: Redis, { env, by, as }: Applying): Promise<string> {
  if (by !== undefined) return identityText(by);
  if (host.config.apiToken === undefined) return await personOf(host, as);
  const holder = identityText(await identityOf(host, redis, { env, right: "apply" }));
  return as === undefined ? holder : `${holder} (${await personOf(host, as)})`;
}
