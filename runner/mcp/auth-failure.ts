// What a server means that refuses a call for who calls: what it asks for, and the command that mends it. Its words are a
// stranger's: what does not look like a scope or an address of its own is not repeated.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { HttpServer } from "./http-transport.ts";

/** RFC 6750 and RFC 9728, as far as a login needs them. */
export interface AuthChallenge {
  readonly scopes: readonly string[];
  /** Where the server says what protects it. */
  readonly metadata?: string;
  /** It takes tokens that are bound to a key (DPoP). */
  readonly isBound?: true;
}

const LIMITS = { scopes: 100, header: 8_192 } as const;
/** RFC 6749, section 3.3. */
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]{1,200}$/u;
/** What may be told in a command, which people paste into a shell. */
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._:/@+=-]*$/u;

/** Those of a stranger's words that can be scopes, and not too many. */
export function readScopes(words: readonly string[]): readonly string[] {
  return words.filter((word) => SCOPE.test(word)).slice(0, LIMITS.scopes);
}

export function authFailure(server: HttpServer, status: 401 | 403, header: string): PermanentFailure {
  const challenge = readChallenge(header);
  const isScope = status === 403 && fieldOf(header, "error") === "insufficient_scope";
  const text = isScope ? scopeText(server, challenge) : `${server.label} ${refusalText(server, status)}`;
  return new PermanentFailure(isScope ? "MCP_SCOPE" : "MCP_AUTH", text, { details: { challenge } });
}

function readChallenge(header: string): AuthChallenge {
  const [scheme = ""] = /^(?:bearer|dpop)\b/iu.exec(header.trim()) ?? [];
  if (scheme === "") return { scopes: [] };
  const bound = scheme.toLowerCase() === "dpop" ? ({ isBound: true } as const) : {};
  const scopes = readScopes((fieldOf(header, "scope") ?? "").split(" "));
  const metadata = fieldOf(header, "resource_metadata");
  return { scopes, ...bound, ...(metadata !== undefined && URL.canParse(metadata) ? { metadata } : {}) };
}

/** One parameter of a challenge: a quoted text, or a bare word. */
function fieldOf(header: string, field: string): string | undefined {
  const found = new RegExp(`[ ,]${field}=(?:"([^"]*)"|([^\\s,"]+))`, "iu").exec(header.slice(0, LIMITS.header));
  return found?.[1] ?? found?.[2];
}

function refusalText({ login, profile }: HttpServer, status: number): string {
  if (profile === undefined)
    return `asks who calls (${status}), and its manifest has no \`auth\`: \`${login}\` lets a person log in, or name a credential with \`auth.secretRef\``;
  if (profile === "oauth2_authorization_code")
    return `does not take the token of its login (${status}); a person must log in again: \`${login}\``;
  return `refused the credentials (${status}); look at its \`auth.secretRef\``;
}

function scopeText({ label, login, profile }: HttpServer, challenge: AuthChallenge): string {
  const scopes = challenge.scopes.every((scope) => PLAIN.test(scope)) ? challenge.scopes : [];
  const missing = scopes.length === 0 ? "more scopes" : `the scopes ${scopes.map((one) => `\`${one}\``).join(", ")}`;
  const wants = `${label} wants ${missing} for this call (403)`;
  if (profile !== "oauth2_authorization_code") return `${wants}; add them to \`auth.scopes\`, where they may be had`;
  return `${wants}; a person must log in with them: \`${[login, ...scopes.map((one) => `--scope ${one}`)].join(" ")}\``;
}
