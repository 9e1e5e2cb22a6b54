// Credentials by a person's login: the grant in a Secret is used for the server, the place of tokens and the issuer that the
// person saw, and for no other, whatever a manifest or a server says later.
import { PermanentFailure } from "../../../contracts/failure.ts";
import type { McpServerSpec } from "../../../contracts/kinds/mcp-server.ts";
import { GRANT_KEY, type Grant, parseGrant } from "../../secrets/grant.ts";
import type { CredentialGround, CredentialOwner, Credentials } from "../credentials.ts";
import type { FetchedToken, TokenSource } from "../oauth-tokens.ts";
import { hearNonce } from "./bound-key.ts";
import type { GrantRenewer, RenewalCase } from "./grant-renewer.ts";

type Auth = NonNullable<McpServerSpec["auth"]>;

/** What a login is for, and how it is renewed. */
export interface GrantedGround {
  /** The server that is called. */
  readonly endpoint: string;
  /** The command with which a person logs in. */
  readonly login: string;
  readonly renewer: GrantRenewer;
  readonly now: () => Date;
}

/** Throws PermanentFailure TOOL_AUTH_INVALID or TOKEN_GRANT_ELSEWHERE, or what the Secret throws. */
export async function grantedCredentials(
  auth: Auth,
  owner: CredentialOwner,
  ground: CredentialGround,
  granted: GrantedGround,
): Promise<Credentials> {
  const { secrets, tokens, outbound } = ground;
  const text = await secrets.resolve(`${owner.secret}:${GRANT_KEY}`, owner.namespace, owner.label);
  const grant = parseGrant(text);
  if (grant === undefined) {
    const what = `${owner.label}: \`${owner.secret}:${GRANT_KEY}\` is no login`;
    throw new PermanentFailure("TOOL_AUTH_INVALID", `${what}: \`${granted.login}\` makes one`);
  }
  for (const value of [grant.refresh_token, grant.access_token, grant.client_secret, grant.key, grant.bound_key])
    if (value !== undefined) secrets.note(value);
  requireSamePlaces(auth, grant, owner, granted);
  const mend = `a person must log in again: \`${granted.login}\``;
  const note = (value: string): void => secrets.note(value);
  const session = await granted.renewer.keys.of(grant);
  const one = { grant, label: owner.label, mend, outbound: outbound(new URL(grant.token_url)), session, note };
  const source: TokenSource = { key: `grant ${grant.id}`, fetch: () => fetchToken(one, granted) };
  return {
    given: { grant: grant.id },
    async headers(signal, request) {
      const token = await tokens.token(source, signal);
      secrets.note(token);
      if (session === undefined) return { Authorization: `Bearer ${token}` };
      if (request === undefined) throw new TypeError("a token that is bound to a key is proven for one request");
      const proof = await session.buildProof({ htm: request.method, htu: request.url, accessToken: token });
      return { Authorization: `DPoP ${token}`, DPoP: proof };
    },
    renew(refusal) {
      if (session !== undefined && refusal !== undefined && hearNonce(session, refusal.url, refusal.headers))
        return true;
      if (grant.refresh_token === undefined) return false;
      tokens.forget(source);
      return true;
    },
  };
}

/** Each of them was shown to the person who said yes, and a reviewer of the manifest sees them. */
function requireSamePlaces(
  auth: Auth,
  grant: Grant,
  { label }: CredentialOwner,
  { endpoint, login }: GrantedGround,
): void {
  const pairs = [
    ["endpoint", endpoint, grant.endpoint],
    ["auth.tokenURL", auth.token_url ?? "", grant.token_url],
    ["auth.issuer", auth.issuer ?? grant.issuer, grant.issuer],
  ] as const;
  for (const [field, said, meant] of pairs) {
    if (said === meant) continue;
    const text = `${label}: its login was for \`${field}: ${meant}\`, and the manifest says \`${said}\``;
    throw new PermanentFailure("TOKEN_GRANT_ELSEWHERE", `${text}; put that back, or log in anew: \`${login}\``);
  }
}

async function fetchToken(one: RenewalCase, { renewer, now }: GrantedGround): Promise<FetchedToken> {
  const { grant, label, mend } = one;
  if (grant.refresh_token !== undefined) return renewer.renew(one, grant.refresh_token);
  const { access_token: text, expires_at: end } = grant;
  if (end === undefined && text !== undefined) return { text, lifeS: undefined };
  const lifeS = (Date.parse(end ?? "") - now().getTime()) / 1_000;
  if (text !== undefined && lifeS > 0) return { text, lifeS };
  const why = `${label}: its login gave no token that can be renewed, and the one it gave ended at ${end ?? "once"}`;
  throw new PermanentFailure("TOKEN_GRANT_ENDED", `${why}; ${mend}`);
}
