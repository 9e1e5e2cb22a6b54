// What proves who calls, from the `auth` of a Tool, an McpServer or a Memory: a header that stands, or a token that is fetched.
import type { IncomingHttpHeaders } from "node:http";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { McpServerSpec } from "../../contracts/kinds/mcp-server.ts";
import type { Secrets } from "../secrets/secrets.ts";
import type { Outbound } from "./checked-request.ts";
import type { ProvenRequest } from "./oauth/bound-key.ts";
import { secretCredentials, signedCredentials, workloadCredentials } from "./oauth/client-credentials.ts";
import { type GrantedGround, grantedCredentials } from "./oauth/granted-credentials.ts";
import type { OAuthTokens } from "./oauth-tokens.ts";

/** That of a Tool has fewer profiles. */
type Auth = NonNullable<McpServerSpec["auth"]>;

export interface CredentialGround {
  readonly secrets: Secrets;
  readonly tokens: OAuthTokens;
  /** How the place that gives tokens may be reached. */
  readonly outbound: (url: URL) => Outbound;
  /** Of an MCP server: what a person's login is good for. */
  readonly granted?: GrantedGround;
}

export interface Credentials {
  /** The secrets behind them: with others they are others. For hashing, and for nothing else. */
  readonly given: Readonly<Record<string, string>>;
  /** `request`: what they go with. Credentials that are proven for each request by itself need it. */
  headers(signal: AbortSignal, request?: ProvenRequest): Promise<Readonly<Record<string, string>>>;
  /** They were refused. Whether others may be had: then the headers are worth a second try, and no third. */
  renew(refusal?: Refusal): boolean;
}

/** Whose they are: `label` names the manifest for people, `secret` is its `auth.secretRef`. */
export interface CredentialOwner {
  readonly namespace: string;
  readonly label: string;
  readonly secret: string;
}

/** How they were refused. */
export interface Refusal {
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
}

const DEFAULT_KEY_HEADER = "X-API-Key";
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** `label` names the manifest for people. Without a `secret_ref` there is nothing to send. */
export async function openCredentials(
  auth: Auth | undefined,
  namespace: string,
  label: string,
  ground: CredentialGround,
): Promise<Credentials> {
  if (auth?.secret_ref === undefined) return standing({});
  const profile = auth.profile ?? "bearer";
  const owner = { namespace, label, secret: auth.secret_ref };
  if (profile === "oauth2_client_credentials") return secretCredentials(auth, owner, ground);
  if (profile === "private_key_jwt") return signedCredentials(auth, owner, ground);
  if (profile === "oauth2_jwt_bearer") return workloadCredentials(auth, owner, ground);
  if (profile === "oauth2_authorization_code") {
    if (ground.granted !== undefined) return grantedCredentials(auth, owner, ground, ground.granted);
    throw new PermanentFailure("TOOL_AUTH_INVALID", `${label}: \`${profile}\` is for MCP servers over HTTP`);
  }
  const value = await ground.secrets.resolve(auth.secret_ref, namespace, label);
  const [name, text] = headerOf(profile, auth.header_name, value);
  // Line breaks would end the header; the message must not show the value.
  if (!HEADER_NAME.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(text)) {
    throw new PermanentFailure(
      "TOOL_AUTH_INVALID",
      `${label}: the value of \`${auth.secret_ref}\` cannot be sent in the header \`${name}\``,
    );
  }
  return standing({ [name]: text });
}

function standing(headers: Readonly<Record<string, string>>): Credentials {
  return { given: headers, headers: () => Promise.resolve(headers), renew: () => false };
}

function headerOf(
  profile: "bearer" | "api_key_header" | "basic",
  headerName: string | undefined,
  value: string,
): readonly [string, string] {
  switch (profile) {
    case "bearer":
      return ["Authorization", `Bearer ${value}`];
    case "basic":
      return ["Authorization", `Basic ${Buffer.from(value, "utf8").toString("base64")}`];
    case "api_key_header":
      return [headerName ?? DEFAULT_KEY_HEADER, value];
  }
}
