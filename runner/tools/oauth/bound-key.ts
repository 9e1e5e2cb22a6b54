// Keys that tokens are bound to (DPoP, RFC 9449): whoever has read such a token on its way can do nothing with it. The key is
// made at a login and sealed with its grant; what servers want to see in the next proof is remembered here.
import { createHash, createPrivateKey, webcrypto } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { DpopSession } from "@modelcontextprotocol/client";
import type { Grant } from "../../secrets/grant.ts";

export const BOUND_ALGORITHM = "ES256";
const PARAMETERS = { name: "ECDSA", namedCurve: "P-256" } as const;
const MAX_KEYS = 1_000;

/** What a token goes with: a proof is good for this and nothing else. */
export interface ProvenRequest {
  readonly method: string;
  readonly url: URL;
}

/** A new private key, as a JWK. */
export async function makeBoundKey(): Promise<string> {
  const { privateKey } = await webcrypto.subtle.generateKey(PARAMETERS, true, ["sign", "verify"]);
  return JSON.stringify(await webcrypto.subtle.exportKey("jwk", privateKey));
}

/** `text`: as {@link makeBoundKey} made it. */
export async function openBoundKey(text: string): Promise<DpopSession> {
  const { DpopSession: Session } = await import("@modelcontextprotocol/client");
  const jwk = createPrivateKey({ key: JSON.parse(text), format: "jwk" }).export({ format: "jwk" });
  const { crv = "", kty = "", x = "", y = "" } = jwk;
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey("jwk", jwk, PARAMETERS, false, ["sign"]),
    webcrypto.subtle.importKey("jwk", { crv, kty, x, y }, PARAMETERS, true, ["verify"]),
  ]);
  // RFC 7638: these members, in this order.
  const thumbprint = createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url");
  const keyPair = { privateKey, publicKey, publicJwk: { crv, kty, x, y }, thumbprint, alg: BOUND_ALGORITHM } as const;
  return Session.create({ alg: BOUND_ALGORITHM, keyPair });
}

/** Those of one runner's logins. */
export class BoundKeys {
  readonly #opened = new Map<string, Promise<DpopSession>>();

  /** undefined: its tokens are bound to none. */
  of({ id, bound_key: key }: Grant): Promise<DpopSession> | undefined {
    if (key === undefined) return undefined;
    const [oldest] = this.#opened.keys();
    if (this.#opened.size >= MAX_KEYS && oldest !== undefined) this.#opened.delete(oldest);
    const opened = this.#opened.get(id) ?? openBoundKey(key);
    this.#opened.set(id, opened);
    return opened;
  }
}

/** Notes what the next proof has to hold. Whether this is all that was missing: then the same is worth a second try. */
export function hearNonce(session: DpopSession, url: URL, headers: IncomingHttpHeaders): boolean {
  const nonce = headers["dpop-nonce"];
  if (typeof nonce !== "string" || nonce.length > 1_000) return false;
  session.rememberNonce(url, nonce);
  return /^DPoP\b.*error="?use_dpop_nonce/iu.test(headers["www-authenticate"] ?? "");
}
