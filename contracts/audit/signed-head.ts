// Signed heads: Ed25519 over where the audit log ended. Whoever holds only the public key can check them.
import { createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import type { AuditEnd, AuditFacts } from "./entry.ts";

export type SignatureVerdict =
  | "verified"
  /** It holds, by the key that it names itself; nobody has said that this key is to be believed. */
  | "unvouched"
  | "other-key"
  | "forged";

export function isSigningKey(key: KeyObject): boolean {
  return key.asymmetricKeyType === "ed25519";
}

/** The public half as one word: SPKI in base64. */
function keyName(key: KeyObject): string {
  const half = key.type === "private" ? createPublicKey(key) : key;
  return half.export({ type: "spki", format: "der" }).toString("base64");
}

/** The facts of an entry that stands right behind the head that it signs. */
export function signHead(key: KeyObject, env: string, head: AuditEnd): AuditFacts {
  const signature = sign(null, signedText(env, head), key).toString("base64");
  return { kind: "head.signed", signs: head.number, key: keyName(key), signature };
}

/** `trusted` undefined: the key in the entry is taken as it is. */
export function verifySignedHead(
  env: string,
  facts: AuditFacts,
  head: AuditEnd,
  trusted: KeyObject | undefined,
): SignatureVerdict {
  const { signs, key, signature } = facts;
  if (typeof key !== "string" || typeof signature !== "string" || signs !== head.number) return "forged";
  if (trusted !== undefined && keyName(trusted) !== key) return "other-key";
  const holds = isSignedBy(trusted ?? readKey(key), signedText(env, head), signature);
  return !holds ? "forged" : trusted === undefined ? "unvouched" : "verified";
}

function signedText(env: string, { number, hash }: AuditEnd): Buffer {
  return Buffer.from(`countwheel audit head 1\n${env}\n${number}\n${hash}`);
}

function isSignedBy(key: KeyObject | undefined, text: Buffer, signature: string): boolean {
  const bytes = Buffer.from(signature, "base64");
  // Base64 has several spellings of the same bytes: only ours is a signature of ours.
  return key !== undefined && bytes.toString("base64") === signature && verify(null, text, key, bytes);
}

function readKey(text: string): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(text, "base64"), type: "spki", format: "der" });
    return isSigningKey(key) ? key : undefined;
  } catch {
    // Whatever stands there is no key: the signature cannot hold.
    return undefined;
  }
}
