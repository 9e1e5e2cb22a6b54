// Judges a proof of DPoP (RFC 9449, section 4.3) as a server does.
import { createHash, createPublicKey, type JsonWebKey, verify } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

type Fields = Readonly<Record<string, unknown>>;

export interface Proof {
  readonly id: string;
  /** Tells the key. */
  readonly key: string;
  readonly nonce: unknown;
}

/** undefined: there is none, or it is for something else. */
export function readProof(
  headers: IncomingHttpHeaders,
  method: string,
  url: string,
  token?: string,
): Proof | undefined {
  const [head = "", claims = "", signature = ""] = String(headers["dpop"] ?? "").split(".");
  if (signature === "") return undefined;
  const { typ, jwk } = decode(head) as { typ: unknown; jwk: JsonWebKey };
  const { htm, htu, jti, ath, nonce } = decode(claims);
  const key = { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" } as const;
  const isSigned = verify("sha256", Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, "base64url"));
  const hash = token === undefined ? undefined : createHash("sha256").update(token).digest("base64url");
  const isThis = typ === "dpop+jwt" && htm === method && htu === url && ath === hash && jwk.d === undefined;
  return isSigned && isThis ? { id: String(jti), key: String(jwk["x"]), nonce } : undefined;
}

function decode(part: string): Fields {
  return JSON.parse(Buffer.from(part, "base64url").toString()) as Fields;
}
