// The API tokens of an environment: made, listed, revoked, and held against what somebody shows. They are no part of an
// export: a copy of a state lets nobody in.
import { randomBytes } from "node:crypto";
import { type ApiToken, isToken, SECRET_BYTES, tokenName, tokenText } from "../../contracts/api-token.ts";
import { identityText } from "../../contracts/approval.ts";
import { digestText } from "../../contracts/canonical.ts";
import { ask, askAll } from "../ask.ts";
import { appendAudit } from "../audit-log.ts";
import type { Redis } from "../connect.ts";
import { environmentKeys } from "../keys.ts";
import { clockOf, fieldsIn } from "../reply.ts";
import { sealingOf } from "../state.ts";
import { openToken, sealToken } from "./sealed-token.ts";

const CLOCK = "the time of Redis";

export type TokenRequest = Pick<ApiToken, "name" | "allow" | "createdBy"> & { readonly ttlMs: number };

/** `text`: the only time that the secret is anywhere. */
export type CreateOutcome =
  | { readonly outcome: "created"; readonly token: ApiToken; readonly text: string }
  /** One of this name is there, expired or not. */
  | { readonly outcome: "taken" };

/** With its entry in the audit log, or not at all. */
export async function createToken(redis: Redis, env: string, request: TokenRequest): Promise<CreateOutcome> {
  const { name, allow, createdBy, ttlMs } = request;
  const text = tokenText(name, randomBytes(SECRET_BYTES));
  const [time] = await askAll(redis, () => redis.pipeline().time().exec());
  const nowMs = clockOf(CLOCK, time);
  const [createdAt, expiresAt] = [nowMs, nowMs + ttlMs].map((ms) => new Date(ms).toISOString()) as [string, string];
  const token: ApiToken = { name, digest: digestText(text), allow, createdAt, createdBy, expiresAt };
  const facts = { kind: "token.created" as const, token: name, allow, expiresAt, by: identityText(createdBy) };
  const value = sealToken(sealingOf(redis, env), token);
  const change = { of: "tokens" as const, op: "HSETNX" as const, field: name, value };
  const isNew = await appendAudit(redis, env, [{ facts }], { change });
  return isNew ? { outcome: "created", token, text } : { outcome: "taken" };
}

/** False: there is none. Whoever shows it from now on is refused. */
export async function revokeToken(
  redis: Redis,
  env: string,
  { name, by }: { readonly name: string; readonly by: ApiToken["createdBy"] },
): Promise<boolean> {
  const facts = { kind: "token.revoked" as const, token: name, by: identityText(by) };
  const change = { of: "tokens" as const, op: "HDEL" as const, field: name };
  const wasThere = await appendAudit(redis, env, [{ facts }], { change });
  if (wasThere) await ask(redis, () => redis.hdel(environmentKeys(env).tokenUses, name));
  return wasThere;
}

export type KnownToken = ApiToken & {
  readonly expired: boolean;
  readonly lastUsedAt: string | null;
};

/** By name. */
export async function listTokens(redis: Redis, env: string): Promise<KnownToken[]> {
  const { tokens, tokenUses } = environmentKeys(env);
  const read = redis.pipeline().time().hgetall(tokens).hgetall(tokenUses);
  const [time, records, used] = await askAll(redis, () => read.exec());
  const uses = fieldsIn(`the uses of tokens in ${env}`, used);
  const sealing = sealingOf(redis, env);
  const opened = Object.entries(fieldsIn(`the tokens of ${env}`, records)).map(([name, sealed]) =>
    openToken(sealing, name, sealed),
  );
  return opened
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((token) => ({ ...token, expired: isOver(token, clockOf(CLOCK, time)), lastUsedAt: lastUse(token, uses) }));
}

/** A use before it was made is one of another token that had its name. */
function lastUse({ name, createdAt }: ApiToken, uses: Readonly<Record<string, string>>): string | null {
  const at = Object.hasOwn(uses, name) ? uses[name] : undefined;
  return at !== undefined && at >= createdAt ? at : null;
}

export type TokenVerdict =
  | { readonly outcome: "valid"; readonly token: ApiToken }
  | { readonly outcome: "expired"; readonly token: ApiToken }
  /** Never made, revoked, replaced, of another environment, or mistyped: which of them is told to nobody. */
  | { readonly outcome: "unknown" };

/** Whether this text is a token of this environment, now. Throws what `openToken` throws. */
export async function checkToken(redis: Redis, env: string, text: string): Promise<TokenVerdict> {
  const name = tokenName(text);
  if (name === undefined) return { outcome: "unknown" };
  const { tokens, tokenUses } = environmentKeys(env);
  const [time, sealed] = await askAll(redis, () => redis.pipeline().time().hget(tokens, name).exec());
  if (sealed === null) return { outcome: "unknown" };
  const token = openToken(sealingOf(redis, env), name, sealed);
  if (!isToken(text, token)) return { outcome: "unknown" };
  const nowMs = clockOf(CLOCK, time);
  if (isOver(token, nowMs)) return { outcome: "expired", token };
  await ask(redis, () => redis.hset(tokenUses, name, new Date(nowMs).toISOString()));
  return { outcome: "valid", token };
}

/** An end that cannot be read is over. */
function isOver({ expiresAt }: ApiToken, nowMs: number): boolean {
  return !(Date.parse(expiresAt) > nowMs);
}
