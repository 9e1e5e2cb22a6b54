// Whether a webhook was sent by somebody who knows a secret of ours: HMAC-SHA-256 over the bytes as they came. Pure.
import { createHmac, timingSafeEqual } from "node:crypto";

const SIGNATURE = /^sha256=([0-9a-f]{64})$/;

/** `secrets`: the new one and, during a rotation, the old one. Each is tried, whatever the others came to. */
export function isSignedBy(secrets: readonly string[], body: Uint8Array, header: string | undefined): boolean {
  const given = SIGNATURE.exec(header ?? "")?.[1];
  if (given === undefined) return false;
  const signature = Buffer.from(given, "hex");
  const matches = secrets.map((secret) =>
    timingSafeEqual(createHmac("sha256", secret).update(body).digest(), signature),
  );
  return matches.includes(true);
}
