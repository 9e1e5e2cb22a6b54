// Who says something that the history, the trace or the audit log keeps: the holder of COUNTWHEEL_TOKEN or the user of
// GITHUB_TOKEN, proven, or else whoever the command says it is.
import type { TokenRight } from "../contracts/api-token.ts";
import { type Identity, identityText } from "../contracts/approval.ts";
import type { Redis } from "../store/connect.ts";
import type { Host } from "./host.ts";
import { identityOf } from "./identity.ts";
import { personOf } from "./person.ts";

/** The flags by which people say who they are. */
export interface PersonFlags {
  /** What they call themselves. */
  readonly as?: string;
  /** They are the user of their GITHUB_TOKEN. */
  readonly github?: boolean;
}

export interface Saying extends PersonFlags {
  readonly env: string;
  /** Proven already, by whoever calls on somebody's behalf: no flag sets it, and the token of this process is not theirs. */
  readonly by?: Identity;
}

/** Throws BlockedFailure where the token is not good, or not for `right`; and what {@link identityOf} throws. */
export async function saidBy(
  host: Host,
  redis: Redis,
  { env, by, as, github = false }: Saying,
  right: TokenRight,
): Promise<string> {
  if (by !== undefined) return identityText(by);
  if (host.config.apiToken === undefined && !github) return await personOf(host, as);
  const proven = identityText(await identityOf(host, redis, { env, github, right }));
  return as === undefined ? proven : `${proven} (${await personOf(host, as)})`;
}
