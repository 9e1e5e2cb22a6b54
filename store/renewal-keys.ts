// The key names of logins at MCP servers whose refresh tokens change.
import { checkedName, environmentTag } from "./keys.ts";

export interface RenewalKeys {
  /** hash with expiry: number, box, of a login whose refresh token is another one now. */
  readonly renewal: string;
  /** string with expiry: who is about to renew it. */
  readonly renewing: string;
}

/** `id`: of a person's login at an MCP server. */
export function renewalKeys(env: string, id: string): RenewalKeys {
  const login = checkedName("login", id);
  return {
    renewal: `${environmentTag(env)}:renewal:${login}`,
    renewing: `${environmentTag(env)}:renewing:${login}`,
  };
}
