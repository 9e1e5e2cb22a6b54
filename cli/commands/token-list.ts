// `token list`: the API tokens of an environment, without anything of the tokens themselves.
import { identityText } from "../../contracts/approval.ts";
import { type KnownToken, listTokens } from "../../store/tokens/tokens.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printList, say } from "../output.ts";
import { openRedis } from "../redis.ts";
import { renderAge, renderTable } from "../view/table.ts";

export async function runTokenList(host: Host, options: CommonFlags): Promise<ExitCode> {
  const { redis, close } = await openRedis(host, options);
  try {
    const tokens = await listTokens(redis, options.env);
    if (options.output === "json") printList(host, tokens.map(withoutDigest));
    else if (tokens.length === 0) say(host, "There is no token. Next: countwheel token create NAME");
    else host.stdout.write(renderTokens(tokens, host.now()));
    return EXIT.ok;
  } finally {
    await close();
  }
}

function withoutDigest({ digest: _digest, ...shown }: KnownToken): Omit<KnownToken, "digest"> {
  return shown;
}

function renderTokens(tokens: readonly KnownToken[], now: Date): string {
  const header = ["NAME", "MAY", "MADE", "BY", "EXPIRES", "LAST USED"];
  const rows = tokens.map(({ name, allow, createdAt, createdBy, expiresAt, expired, lastUsedAt }) => [
    name,
    allow.length === 0 ? "look" : allow.join(","),
    `${renderAge(createdAt, now)} ago`,
    identityText(createdBy),
    expired ? "expired" : `in ${renderAge(now.toISOString(), new Date(expiresAt))}`,
    lastUsedAt === null ? "never" : `${renderAge(lastUsedAt, now)} ago`,
  ]);
  return renderTable(header, rows);
}
