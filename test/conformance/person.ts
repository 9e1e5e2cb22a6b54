// A person who logs in as `countwheel mcp login` has them do, with a browser that goes where it is sent and says yes.
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { listenForRedirect } from "../../cli/mcp/redirect-listener.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { McpServerSpec } from "../../contracts/kinds/mcp-server.ts";
import { findLogin, type Login } from "../../runner/login.ts";
import { renderGrant } from "../../runner/secrets/grant.ts";
import { GROUND } from "../runner/mcp/servers.ts";
import type { Context } from "./client.ts";

export interface LoggedIn {
  /** What the command writes into the manifest. */
  readonly auth?: McpServerSpec["auth"];
  readonly grant?: string;
}

interface Wish {
  readonly scenario: string;
  readonly context: Context;
  readonly scopes: readonly string[];
}

/** The one that the suite knows. */
const CLIENT_DOCUMENT = "https://conformance-test.local/client-metadata.json";

export async function logIn(spec: McpServerSpec, wish: Wish): Promise<LoggedIn> {
  const { signal } = new AbortController();
  const login = await find(spec, wish);
  const listener = await listenForRedirect(0);
  try {
    const begun = await login.begin(listener.url, signal);
    const answer = listener.answer(begun.isAnswer, signal);
    await browse(begun.url);
    const grant = await begun.finish(await answer, new Date(), signal);
    const { issuer, tokenUrl, scopes } = login.offer;
    const places = { token_url: tokenUrl, issuer, scopes: [...scopes] };
    return {
      auth: { profile: "oauth2_authorization_code", secret_ref: "suite-login", ...places },
      grant: renderGrant(grant),
    };
  } finally {
    await listener.close();
  }
}

/** Of a server that is protected by another issuer now, they find out why, and change the manifest. */
async function find(spec: McpServerSpec, wish: Wish): Promise<Login> {
  const { signal } = new AbortController();
  const { client_id: known, client_secret: secret } = wish.context;
  const id = wish.scenario === "auth/basic-cimd" ? CLIENT_DOCUMENT : known;
  const ask = (one: McpServerSpec) =>
    findLogin(
      { namespace: "default", name: "suite", spec: one },
      { scopes: wish.scopes, client: { id, secret } },
      GROUND,
      signal,
    );
  try {
    return await ask(spec);
  } catch (error) {
    if (!(error instanceof PermanentFailure) || error.code !== "LOGIN_ISSUER_CHANGED") throw error;
    const { issuer: _before, ...auth } = spec.auth ?? {};
    return ask({ ...spec, auth });
  }
}

/** Follows one address to the next, as a browser does. */
async function browse(url: string): Promise<void> {
  const [response] = (await once(get(url), "response")) as [IncomingMessage];
  response.resume();
  const { location } = response.headers;
  if (location !== undefined) await browse(new URL(location, url).href);
}
