// Lets the holders of API tokens in: what is offered to each, who is looked at anew with each request.
import { tokenName } from "../../contracts/api-token.ts";
import { failureRecord } from "../../contracts/failure.ts";
import type { Offer } from "../../runner/offered/offered-tool.ts";
import { checkToken } from "../../store/tokens/tokens.ts";
import type { Host } from "../host.ts";
import { say } from "../output.ts";
import { openRedis, type RedisFlags } from "../redis.ts";
import type { Allowable } from "./offered-commands.ts";

export interface AdmitOptions extends RedisFlags {
  readonly env: string;
  /** What the server offers at most; a token can only narrow it. */
  readonly allow: readonly Allowable[];
}

/** `offerTo`: the offer on a host that acts as the token's holder; each command holds the token against its record itself. */
export function admitByToken(
  host: Host,
  options: AdmitOptions,
  offerTo: (host: Host, allow: readonly Allowable[]) => Offer,
): (bearer: string) => Promise<Offer | undefined> {
  return async (bearer) => {
    if (tokenName(bearer) === undefined) return undefined;
    try {
      const allow = await rightsOf(host, options, bearer);
      return allow && offerTo({ ...host, config: { ...host.config, apiToken: bearer } }, allow);
    } catch (error) {
      const { code, message } = failureRecord(error);
      say(host, `MCP: a token could not be checked. ${code}: ${message}`);
      throw error;
    }
  };
}

async function rightsOf(host: Host, options: AdmitOptions, bearer: string): Promise<readonly Allowable[] | undefined> {
  const { redis, close } = await openRedis(host, options);
  try {
    const verdict = await checkToken(redis, options.env, bearer);
    if (verdict.outcome !== "valid") return undefined;
    const { allow } = verdict.token;
    return options.allow.filter((what) => allow.includes(what));
  } finally {
    await close();
  }
}
