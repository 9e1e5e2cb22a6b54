// The key that seals the state: HMAC-SHA-256 over named parts. Pure; whoever holds one cannot read the secret out of it.
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { digestText } from "./canonical.ts";

/** `unsealed`: a plain digest, or nothing · `unknown-key`: sealed, by a key that is not among these. */
export type SealVerdict = "verified" | "forged" | "unsealed" | "unknown-key";

export interface StateKey {
  /** `hmac-sha256/<key id>:<hex>`, without spaces. */
  seal(parts: readonly string[]): string;
  verify(seal: string, parts: readonly string[]): SealVerdict;
}

/** Shorter ones can be guessed from a single seal. */
export const MIN_KEY_LENGTH = 32;

const SEAL = /^hmac-sha256\/([0-9a-f]{8}):([0-9a-f]{64})$/;

export function isSealed(seal: string): boolean {
  return SEAL.test(seal);
}

/** The id of the key that made a seal; undefined: it is none. */
export function keyIdOf(seal: string): string | undefined {
  return SEAL.exec(seal)?.[1];
}

/** Keys separated by commas: the first seals, all verify. Answers undefined where one of them is too short. */
export function parseStateKey(text: string): StateKey | undefined {
  const secrets = text.split(",").map((secret) => secret.trim());
  if (secrets.some((secret) => secret.length < MIN_KEY_LENGTH)) return undefined;
  const [first, ...rest] = secrets.map(makeKey);
  return first === undefined ? undefined : stateKey(first, [first, ...rest]);
}

interface Key {
  /** Tells keys apart, and nothing about them. */
  readonly id: string;
  readonly secret: KeyObject;
}

function makeKey(text: string): Key {
  return {
    id: digestText(`countwheel state key ${text}`).slice("sha256:".length, "sha256:".length + 8),
    secret: createSecretKey(text, "utf8"),
  };
}

function stateKey(sealing: Key, known: readonly Key[]): StateKey {
  return {
    seal: (parts) => `hmac-sha256/${sealing.id}:${mac(sealing, parts).toString("hex")}`,
    verify(seal, parts) {
      const [, id, hex = ""] = SEAL.exec(seal) ?? [];
      if (id === undefined) return "unsealed";
      const key = known.find((candidate) => candidate.id === id);
      if (key === undefined) return "unknown-key";
      return timingSafeEqual(mac(key, parts), Buffer.from(hex, "hex")) ? "verified" : "forged";
    },
  };
}

/** Each part behind its length: no two lists of parts have the same bytes. */
function mac({ secret }: Key, parts: readonly string[]): Buffer {
  const hmac = createHmac("sha256", secret);
  for (const part of parts) hmac.update(`${part.length}:`).update(part);
  return hmac.digest();
}
