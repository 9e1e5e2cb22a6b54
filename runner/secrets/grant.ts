// What a person's login gave, as one value of a Secret: who may renew a token, where, and for which server. Sealed in Git; read
// by runners. Pure.
import type { FromSchema } from "json-schema-to-ts";
import { ownValidator } from "../../contracts/own-schema.ts";

/** The key of the Secret that holds it. */
export const GRANT_KEY = "grant";

const TEXT = { type: "string", minLength: 1 } as const;

const GRANT_SCHEMA = {
  type: "object",
  additionalProperties: false,
  required: ["format", "id", "key", "endpoint", "issuer", "token_url", "client_id", "client_auth", "scopes"],
  properties: {
    format: { const: "countwheel.dev/grant/v1" },
    /** Of this login: renewed tokens of another one are not its own. */
    id: { type: "string", pattern: "^[A-Za-z0-9-]{1,64}$" },
    /** 32 bytes as base64url: renewed tokens are encrypted with it wherever they are kept. */
    key: { type: "string", pattern: "^[A-Za-z0-9_-]{43}$" },
    /** The server for which it was given. */
    endpoint: TEXT,
    issuer: TEXT,
    token_url: TEXT,
    /** The resource indicator (RFC 8707), where the server has one. */
    resource: TEXT,
    client_id: TEXT,
    client_secret: TEXT,
    client_auth: { type: "string", enum: ["none", "client_secret_basic", "client_secret_post"] },
    /** The private key that tokens are bound to, as a JWK; absent: whoever has them may use them. */
    bound_key: TEXT,
    scopes: { type: "array", items: TEXT },
    refresh_token: TEXT,
    /** Where there is no refresh token, or until it is used first. */
    access_token: TEXT,
    /** When `access_token` ends, as ISO text; absent: nobody said so. */
    expires_at: TEXT,
  },
} as const;

export type Grant = FromSchema<typeof GRANT_SCHEMA>;

export function renderGrant(grant: Grant): string {
  return JSON.stringify(grant);
}

/** undefined: the text is no grant. */
export function parseGrant(text: string): Grant | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const isGrant = ownValidator<Grant>(GRANT_SCHEMA);
  return isGrant(value) ? value : undefined;
}
