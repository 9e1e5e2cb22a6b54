// `token create <name>`: makes an API token, and prints it: it is nowhere else, then or later.
import { isTokenName, TOKEN_RIGHTS, type TokenRight } from "../../contracts/api-token.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { createToken, type TokenRequest } from "../../store/tokens/tokens.ts";
import { envWords } from "../env-words.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { localIdentity } from "../identity.ts";
import { printJson, say, UsageFailure } from "../output.ts";
import { openRedis } from "../redis.ts";

export interface TokenCreateOptions extends CommonFlags {
  readonly name: string;
  /** Milliseconds. */
  readonly ttl: number;
  /** look: nothing else. */
  readonly allow: readonly (TokenRight | "look")[];
  readonly allowUnprotected?: boolean;
}

/** One that is forgotten ends by itself. */
const LONGEST_MS = 366 * 86_400_000;

export async function runTokenCreate(host: Host, options: TokenCreateOptions): Promise<ExitCode> {
  const { env, output } = options;
  const request = requestOf(options);
  const { redis, close } = await openRedis(host, options);
  try {
    const made = await createToken(redis, env, request);
    if (made.outcome === "taken") throw taken(request.name, env);
    const { text, token } = made;
    const { digest: _digest, ...shown } = token;
    if (output === "json") printJson(host, { formatVersion: "1", ...shown, token: text });
    else host.stdout.write(`${text}\n`);
    const may = token.allow.length === 0 ? "only look" : token.allow.join(", ");
    say(host, `token:${token.name} may ${may}, until ${token.expiresAt}. The token is shown this once.`);
    const [first] = token.allow;
    if (first !== undefined)
      say(host, `Next: set it as COUNTWHEEL_TOKEN, then countwheel ${USES[first]}${envWords(env)}`);
    return EXIT.ok;
  } finally {
    await close();
  }
}

const USES: Readonly<Record<TokenRight, string>> = { approve: "approve APPROVAL", run: "run SYSTEM", apply: "apply" };

function requestOf({ name, ttl, allow }: TokenCreateOptions): TokenRequest {
  if (!isTokenName(name)) {
    const form = "small letters, digits, `.`, `_` and `-`, 63 at most, and begins with a letter or a digit";
    throw new UsageFailure(`\`${name.slice(0, 80)}\` is no name of a token: it is made of ${form}`);
  }
  if (ttl <= 0 || ttl > LONGEST_MS)
    throw new UsageFailure("a token is good for 366d at most, and for more than nothing");
  return { name, allow: TOKEN_RIGHTS.filter((right) => allow.includes(right)), ttlMs: ttl, createdBy: localIdentity() };
}

function taken(name: string, env: string): PermanentFailure {
  const mend = `\`countwheel token revoke ${name}${envWords(env)}\` ends it`;
  return new PermanentFailure("TOKEN_EXISTS", `environment \`${env}\` has a token \`${name}\`: ${mend}`);
}
