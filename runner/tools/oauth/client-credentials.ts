// Tokens for a program of its own name (RFC 6749, section 4.4): it proves who it is by a secret, by an assertion that it signs,
// or by one that the platform signed on which it runs (RFC 7523). All go to the manifest's `tokenURL` and nowhere else.
import * as oauth from "oauth4webapi";
import { canonicalJson, digestText } from "../../../contracts/canonical.ts";
import { PermanentFailure } from "../../../contracts/failure.ts";
import type { CredentialGround, CredentialOwner, Credentials } from "../credentials.ts";
import type { TokenSource } from "../oauth-tokens.ts";
import { basicProof } from "./basic-proof.ts";
import { readSigningKey } from "./private-key.ts";
import { type RequestOptions, requestToken } from "./token-request.ts";

export interface ClientAuthFields {
  readonly token_url?: string;
  readonly audience?: string;
  readonly scopes?: readonly string[];
}

interface Client {
  readonly id: string;
  readonly ask: (
    server: oauth.AuthorizationServer,
    form: Record<string, string>,
    options: RequestOptions,
  ) => Promise<Response>;
  /** What it proves itself by. */
  readonly given: Readonly<Record<string, string>>;
  readonly mend: string;
}

/** The Secret holds `client_id` and `client_secret`. */
export async function secretCredentials(
  auth: ClientAuthFields,
  owner: CredentialOwner,
  ground: CredentialGround,
): Promise<Credentials> {
  const [id, secret] = await readKeys(["client_id", "client_secret"], owner, ground);
  const mend = "look at `auth.secretRef` (keys client_id and client_secret), `tokenURL` and `scopes`";
  const ask = askBy(id, basicProof(id, secret));
  return fetchedCredentials(auth, { id, ask, given: { clientId: id, clientSecret: secret }, mend }, owner, ground);
}

/** The Secret holds `client_id` and `private_key`. Throws PermanentFailure TOOL_AUTH_INVALID where that is none. */
export async function signedCredentials(
  auth: ClientAuthFields,
  owner: CredentialOwner,
  ground: CredentialGround,
): Promise<Credentials> {
  const [id, text] = await readKeys(["client_id", "private_key"], owner, ground);
  const signing = await readSigningKey(text);
  if (signing === undefined) {
    const what = "is no private key: PEM or a JWK of an EC (P-256, P-384, P-521), RSA or Ed25519 key";
    throw new PermanentFailure("TOOL_AUTH_INVALID", `${owner.label}: \`${owner.secret}:private_key\` ${what}`);
  }
  const signed = oauth.PrivateKeyJwt(signing);
  const audience = auth.audience ?? auth.token_url ?? "";
  const proof: oauth.ClientAuth = async (server, client, body, headers) => {
    await signed({ ...server, issuer: audience }, client, body, headers);
    // Good for a minute: whoever tells it back must not have it written down.
    ground.secrets.note(body.get("client_assertion") ?? "");
  };
  const mend = "look at `auth.secretRef` (keys client_id and private_key), `tokenURL`, `audience` and `scopes`";
  const given = { clientId: id, privateKey: text, audience };
  return fetchedCredentials(auth, { id, ask: askBy(id, proof), given, mend }, owner, ground);
}

const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/** The Secret holds `client_id` and `assertion`, which is read anew at each use: a platform renews the file that it gives. */
export async function workloadCredentials(
  auth: ClientAuthFields,
  owner: CredentialOwner,
  ground: CredentialGround,
): Promise<Credentials> {
  const [id, assertion] = await readKeys(["client_id", "assertion"], owner, ground);
  const client = { client_id: id };
  const ask: Client["ask"] = (server, form, options) =>
    oauth.genericTokenEndpointRequest(server, client, oauth.None(), JWT_BEARER, { ...form, assertion }, options);
  const mend = "look at `auth.secretRef` (keys client_id and assertion), `tokenURL` and `scopes`";
  return fetchedCredentials(auth, { id, ask, given: { clientId: id, assertion }, mend }, owner, ground);
}

function askBy(id: string, proof: oauth.ClientAuth): Client["ask"] {
  const client = { client_id: id };
  return (server, form, options) => oauth.clientCredentialsGrantRequest(server, client, proof, form, options);
}

async function readKeys(
  [first, second]: readonly [string, string],
  { secret, namespace, label }: CredentialOwner,
  { secrets }: CredentialGround,
): Promise<readonly [string, string]> {
  if (secret.includes(":")) {
    const text = `${label}: \`auth.secretRef: ${secret}\` must name a Secret without a key: ${first} and ${second} are read of it`;
    throw new PermanentFailure("TOOL_AUTH_INVALID", text);
  }
  return Promise.all([
    secrets.resolve(`${secret}:${first}`, namespace, label),
    secrets.resolve(`${secret}:${second}`, namespace, label),
  ]);
}

function fetchedCredentials(
  { token_url: tokenUrl = "", scopes = [] }: ClientAuthFields,
  { id, ask, given, mend }: Client,
  { label }: CredentialOwner,
  { secrets, tokens, outbound }: CredentialGround,
): Credentials {
  const source: TokenSource = {
    key: digestText(canonicalJson({ tokenUrl, scopes, ...given })),
    async fetch() {
      const client = { client_id: id };
      const form: Record<string, string> = scopes.length === 0 ? {} : { scope: scopes.join(" ") };
      const way = outbound(URL.canParse(tokenUrl) ? new URL(tokenUrl) : new URL("http://invalid"));
      const answer = await requestToken(
        { label, tokenUrl, outbound: way, mend, hidden: Object.values(given) },
        (server, options) => ask(server, form, options),
        (server, response) => oauth.processClientCredentialsResponse(server, client, response),
      );
      return { text: answer.access_token, lifeS: answer.expires_in };
    },
  };
  return {
    given,
    async headers(signal) {
      const token = await tokens.token(source, signal);
      secrets.note(token);
      return { Authorization: `Bearer ${token}` };
    },
    renew() {
      tokens.forget(source);
      return true;
    },
  };
}
