// Encrypts a renewed refresh token with the key of its grant, which only those have who can open the grant: whoever can read
// or write where it is kept can neither read it nor put another one there. AES-256-GCM, bound to grant and number.
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** Which renewal of which login: another one's box is not opened in its place. */
export interface RenewalPlace {
  readonly id: string;
  /** 1 for the first renewal. */
  readonly number: number;
}

const ALGORITHM = "aes-256-gcm";
const [NONCE_BYTES, TAG_BYTES] = [12, 16];

export function closeRenewal(key: string, place: RenewalPlace, token: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, keyBytes(key), nonce).setAAD(bindingOf(place));
  const text = Buffer.concat([cipher.update(token, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString("base64url");
}

/** undefined: it was changed, or made for another place or with another key. */
export function openRenewal(key: string, place: RenewalPlace, box: string): string | undefined {
  const bytes = Buffer.from(box, "base64url");
  const [nonce, tag] = [bytes.subarray(0, NONCE_BYTES), bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)];
  if (tag.length !== TAG_BYTES) return undefined;
  const decipher = createDecipheriv(ALGORITHM, keyBytes(key), nonce).setAAD(bindingOf(place)).setAuthTag(tag);
  try {
    const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    return text.toString("utf8");
  } catch {
    return undefined;
  }
}

function keyBytes(key: string): Buffer {
  return Buffer.from(key, "base64url");
}

function bindingOf({ id, number }: RenewalPlace): Buffer {
  return Buffer.from(`countwheel.dev/renewal/v1 ${id} ${number}`);
}
