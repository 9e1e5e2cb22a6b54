// `token revoke <name>`: from now on nobody is `token:NAME` any more.
import { closest } from "fastest-levenshtein";
import { PermanentFailure } from "../../contracts/failure.ts";
import { listTokens, revokeToken } from "../../store/tokens/tokens.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { localIdentity } from "../identity.ts";
import { printJson } from "../output.ts";
import { openRedis } from "../redis.ts";

export interface TokenRevokeOptions extends CommonFlags {
  readonly name: string;
  readonly allowUnprotected?: boolean;
}

export async function runTokenRevoke(host: Host, options: TokenRevokeOptions): Promise<ExitCode> {
  const { env, output, name } = options;
  const { redis, close } = await openRedis(host, options);
  try {
    if (!(await revokeToken(redis, env, { name, by: localIdentity() }))) {
      const names = (await listTokens(redis, env)).map((token) => token.name);
      const hint = names.length === 0 ? "It has none." : `Did you mean \`${closest(name, names)}\`?`;
      throw new PermanentFailure("TOKEN_NOT_FOUND", `environment \`${env}\` has no token \`${name}\`. ${hint}`);
    }
    if (output === "json") printJson(host, { formatVersion: "1", env, revoked: name });
    else host.stdout.write(`token:${name} is revoked: whoever shows the token is refused from now on.\n`);
    return EXIT.ok;
  } finally {
    await close();
  }
}
