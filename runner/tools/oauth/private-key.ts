// Reads the private key with which a client signs assertions (RFC 7523): PEM or a JWK, of a kind that says by which algorithm.
import { createPrivateKey, type JsonWebKey, type KeyObject, webcrypto } from "node:crypto";

export interface SigningKey {
  readonly key: webcrypto.CryptoKey;
  /** Which of the client's keys it is, where a JWK says so. */
  readonly kid?: string;
}

type Algorithm = webcrypto.Algorithm | webcrypto.EcKeyImportParams | webcrypto.RsaHashedImportParams;

/** undefined: the text is no private key, or of a kind by which nobody signs assertions. Never throws its text. */
export async function readSigningKey(text: string): Promise<SigningKey | undefined> {
  try {
    const { key, kid } = text.trimStart().startsWith("{")
      ? fromJwk(text)
      : { key: createPrivateKey(text), kid: undefined };
    const algorithm = algorithmOf(key);
    if (algorithm === undefined) return undefined;
    const jwk = key.export({ format: "jwk" });
    const imported = await webcrypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]);
    return { key: imported, ...(kid === undefined ? {} : { kid }) };
  } catch {
    // What was thrown may quote the key.
    return undefined;
  }
}

function fromJwk(text: string): { readonly key: KeyObject; readonly kid: string | undefined } {
  const jwk: JsonWebKey = JSON.parse(text);
  const { kid } = jwk;
  return { key: createPrivateKey({ key: jwk, format: "jwk" }), kid: typeof kid === "string" ? kid : undefined };
}

const CURVES: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };

/** ES256, ES384, ES512, RS256 or Ed25519. */
function algorithmOf({ asymmetricKeyType: kind, asymmetricKeyDetails: details }: KeyObject): Algorithm | undefined {
  if (kind === "rsa") return { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  if (kind === "ed25519") return { name: "Ed25519" };
  const curve = kind === "ec" ? CURVES[details?.namedCurve ?? ""] : undefined;
  return curve === undefined ? undefined : { name: "ECDSA", namedCurve: curve };
}
