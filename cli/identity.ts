// Who runs this command, for what policies decide about people: the holder of COUNTWHEEL_TOKEN, the user whom GitHub knows by
// GITHUB_TOKEN, or else the user of this machine; and nothing that a flag can say.
import { userInfo } from "node:os";
import type { TokenRight } from "../contracts/api-token.ts";
import type { Identity } from "../contracts/approval.ts";
import type { Redis } from "../store/connect.ts";
import { checkToken } from "../store/tokens/tokens.ts";
import { envWords } from "./env-words.ts";
import { githubPerson } from "./github-user.ts";
import type { Host } from "./host.ts";
import { BlockedFailure, UsageFailure } from "./output.ts";

export interface Proving {
  readonly env: string;
  /** They want to be the user of their GITHUB_TOKEN. */
  readonly github?: boolean;
  /** What it is about. */
  readonly right: TokenRight;
}

/**
 * A token that is set and not good is never passed over: whoever meant to be somebody is not silently somebody else. Throws
 * BlockedFailure API_TOKEN_REFUSED, _EXPIRED or _NOT_ALLOWED, UsageFailure, and what `githubPerson` throws.
 */
export async function identityOf(host: Host, redis: Redis, { env, github, right }: Proving): Promise<Identity> {
  const { apiToken } = host.config;
  if (github !== true) return apiToken === undefined ? localIdentity() : await tokenHolder(redis, env, apiToken, right);
  if (apiToken !== undefined)
    throw new UsageFailure("COUNTWHEEL_TOKEN is set, and --github is another identity: which?");
  return await githubPerson(host);
}

async function tokenHolder(redis: Redis, env: string, apiToken: string, right: TokenRight): Promise<Identity> {
  const verdict = await checkToken(redis, env, apiToken);
  const make = (name: string): string => `countwheel token create ${name}${envWords(env)}`;
  switch (verdict.outcome) {
    case "unknown":
      throw refused("REFUSED", `${unknownText(apiToken, env)}; make one with \`${make("NAME")}\`, or unset it`);
    case "expired": {
      const { name, expiresAt } = verdict.token;
      const mend = `\`countwheel token revoke ${name}${envWords(env)}\`, then \`${make(name)}\``;
      throw refused("EXPIRED", `COUNTWHEEL_TOKEN is the token \`${name}\`, which expired at ${expiresAt}: ${mend}`);
    }
    case "valid": {
      const { name, allow } = verdict.token;
      if (allow.includes(right)) return { kind: "token", name };
      const may = allow.length === 0 ? "nothing but looking" : allow.join(", ");
      throw refused("NOT_ALLOWED", `the token \`${name}\` was made for ${may}, and not for \`${right}\``);
    }
  }
}

/** Nothing of what was given: it may be another secret that went astray. */
function unknownText(given: string, env: string): string {
  if (given === "") return "COUNTWHEEL_TOKEN is set and empty (is a secret missing?)";
  return `COUNTWHEEL_TOKEN is no token of environment \`${env}\`: it was revoked, is of another environment, or is not whole`;
}

function refused(why: "REFUSED" | "EXPIRED" | "NOT_ALLOWED", message: string): BlockedFailure {
  return new BlockedFailure(`API_TOKEN_${why}`, message);
}

/**
 * Access to Redis is what lets a person in here; the name is the one under which the machine knows them. A container that
 * knows no name for its user is told by number.
 */
export function localIdentity(): Identity {
  return { kind: "local", name: localName() };
}

function localName(): string {
  try {
    return userInfo().username;
  } catch {
    // No entry for this user: the number is all that there is.
    return `uid-${process.getuid?.() ?? "unknown"}`;
  }
}
