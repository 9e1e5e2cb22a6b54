// API tokens: what a person or a program shows so that an answer, a task or an apply counts as theirs. Their form, and what is
// kept of one. Pure.
import { timingSafeEqual } from "node:crypto";
import type { Identity } from "./approval.ts";
import { type Digest, digestText } from "./canonical.ts";

/** What a token may be used for, besides looking. */
export const TOKEN_RIGHTS = ["approve", "run", "apply"] as const;
export type TokenRight = (typeof TOKEN_RIGHTS)[number];

/** What is kept of a token: its secret only as a digest, out of which nobody gets 256 random bits. */
export interface ApiToken {
  /** Who its holder is: `token:NAME`. One token of an environment has it at a time. */
  readonly name: string;
  /** Of the whole text. */
  readonly digest: Digest;
  readonly allow: readonly TokenRight[];
  /** By Redis' own clock, as is the end. */
  readonly createdAt: string;
  readonly createdBy: Identity;
  readonly expiresAt: string;
}

export const SECRET_BYTES = 32;

const NAME = "[a-z0-9][a-z0-9._-]{0,62}";
/** The secret has a fixed length, so that a name with `_` in it is cut off at one place only. */
const SECRET = "[A-Za-z0-9_-]{43}";
const WHOLE_NAME = new RegExp(`^${NAME}$`);
const TOKEN = new RegExp(`^cw_(${NAME})_${SECRET}$`);

/** Small letters only: `token:CI` and `token:ci` are never two. */
export function isTokenName(name: string): boolean {
  return WHOLE_NAME.test(name);
}

/** `cw_NAME_SECRET`. The name is its public part: it says which record to hold it against. */
export function tokenText(name: string, secret: Buffer): string {
  return `cw_${name}_${secret.toString("base64url")}`;
}

/** undefined: no token looks like that. */
export function tokenName(text: string): string | undefined {
  return TOKEN.exec(text)?.[1];
}

/** In constant time, though a digest tells little of what it was made from. */
export function isToken(text: string, { digest }: Pick<ApiToken, "digest">): boolean {
  const [given, kept] = [Buffer.from(digestText(text)), Buffer.from(digest)];
  return given.length === kept.length && timingSafeEqual(given, kept);
}
