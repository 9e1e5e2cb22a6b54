// Whether a request was made by somebody who knows a webhook's secret, and not too long ago. Pure. Each secret is tried in
// constant time, whatever the others came to.
import { createHmac, timingSafeEqual } from "node:crypto";
import type { WebhookProof } from "../../../contracts/webhook.ts";

/** By their names in lower case; undefined where one is missing or came twice. */
export type FindHeader = (name: string) => string | undefined;

export interface Evidence {
  readonly header: FindHeader;
  readonly body: Uint8Array;
  readonly now: Date;
}

export function isProven(proof: WebhookProof, secrets: readonly string[], evidence: Evidence): boolean {
  return proof.kind === "token" ? hasToken(proof, secrets, evidence) : isSigned(proof, secrets, evidence);
}

type Token = Extract<WebhookProof, { readonly kind: "token" }>;
type Signature = Extract<WebhookProof, { readonly kind: "signature" }>;

function hasToken({ header: name, prefix }: Token, secrets: readonly string[], { header }: Evidence): boolean {
  const given = withoutPrefix(header(name), prefix);
  return given !== undefined && matchesOne(secrets, (secret) => [mac("sha256", "", secret), mac("sha256", "", given)]);
}

function isSigned(proof: Signature, secrets: readonly string[], evidence: Evidence): boolean {
  const timestamp = proof.timestamp === null ? undefined : readTimestamp(proof.timestamp, evidence);
  if (timestamp === "stale") return false;
  const text = valueIn(evidence.header(proof.header), proof.signatureKey);
  const given = decode(withoutPrefix(text, proof.prefix), proof.encoding);
  if (given === undefined) return false;
  const { separator, payloadPrefix, covers, algorithm } = proof;
  const before = covers === "body" ? "" : `${timestamp ?? ""}${separator}`;
  const signed = [covers === "prefix-timestamp" ? `${payloadPrefix}${separator}${before}` : before, evidence.body];
  return matchesOne(secrets, (secret) => [mac(algorithm, secret, ...signed), given]);
}

/** The text as it was signed; `stale` where it is none, too old, or too far ahead. */
function readTimestamp({ header: name, key, maxSkewMs }: NonNullable<Signature["timestamp"]>, evidence: Evidence) {
  const text = valueIn(evidence.header(name), key);
  if (text === undefined || !/^\d{1,12}$/.test(text)) return "stale";
  return Math.abs(evidence.now.getTime() - Number(text) * 1_000) <= maxSkewMs ? text : "stale";
}

/** `t=1,v1=ab,v1=cd`: the first of that key; a signature that came twice is looked at once. */
function valueIn(text: string | undefined, key: string | null): string | undefined {
  if (text === undefined || key === null) return text;
  const pairs = text.split(",").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${key}=`))?.slice(key.length + 1);
}

function withoutPrefix(text: string | undefined, prefix: string): string | undefined {
  return text?.startsWith(prefix) === true ? text.slice(prefix.length) : undefined;
}

const ENCODED = { hex: /^(?:[0-9a-f]{2})+$/i, base64: /^[A-Za-z0-9+/]+={0,2}$/ } as const;

function decode(text: string | undefined, encoding: "hex" | "base64"): Buffer | undefined {
  return text === undefined || !ENCODED[encoding].test(text) ? undefined : Buffer.from(text, encoding);
}

function mac(algorithm: string, secret: string, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const hmac = createHmac(algorithm, secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

function matchesOne(secrets: readonly string[], pairOf: (secret: string) => readonly [Buffer, Buffer]): boolean {
  const matches = secrets.map((secret) => {
    const [wanted, given] = pairOf(secret);
    return wanted.length === given.length && timingSafeEqual(wanted, given);
  });
  return matches.includes(true);
}
