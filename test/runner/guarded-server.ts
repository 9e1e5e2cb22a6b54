// An MCP server on loopback that a person has to log in at, and the authorization server that protects it, in one; each of its
// parts can be told to misbehave.
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { readProof } from "./read-proof.ts";
import { answerJson, serve } from "./tools/http-server.ts";

type Fields = Readonly<Record<string, unknown>>;

export interface GuardedOptions {
  /** Merged into what it says of itself. */
  readonly resource?: Fields;
  readonly metadata?: Fields;
  /** Merged into the address that the browser is sent back to; null takes a parameter away. */
  readonly redirect?: Readonly<Record<string, string | null>>;
  /** Answers requests of tokens otherwise. */
  readonly token?: (response: ServerResponse, form: Readonly<Record<string, string>>) => boolean;
  /** Path → another answer than its own. */
  readonly answers?: Readonly<Record<string, (response: ServerResponse) => void>>;
  /** Gives no refresh tokens. */
  readonly once?: boolean;
  /** Another refresh token at each use; one that was used ends the login. */
  readonly isRotating?: boolean;
  /** Its tokens are bound to keys (DPoP), and each proof has to hold a nonce of its own. */
  readonly isBound?: boolean;
  readonly lifeS?: number;
  readonly challenge?: string;
  /** What it says to a call that wants the scope `write`. */
  readonly stepUp?: string;
}

/** What it has seen and given. */
export class Guarded {
  readonly forms: Readonly<Record<string, string>>[] = [];
  readonly asked: URLSearchParams[] = [];
  readonly registered: Fields[] = [];
  readonly calls: string[] = [];
  readonly access = new Map<string, readonly string[]>();
  /** Proofs that were good, by their ids. */
  readonly proofs = new Set<string>();
  boundTo: string | undefined;
  /** The refresh token that is good; undefined: the login is over. */
  refresh: string | undefined;
  url = "";
  paths: () => readonly string[] = () => [];
  #given = 0;
  #challenge = "";
  #scopes: readonly string[] = [];

  get endpoint(): string {
    return `${this.url}/mcp`;
  }

  authorize(query: URLSearchParams, { redirect = {} }: GuardedOptions): string {
    this.asked.push(query);
    this.#challenge = query.get("code_challenge") ?? "";
    this.#scopes = (query.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
    const back = new URL(query.get("redirect_uri") ?? "");
    const words = { code: "the-code", state: query.get("state") ?? "", iss: this.url, ...redirect };
    for (const [name, value] of Object.entries(words)) if (value !== null) back.searchParams.set(name, value);
    return back.href;
  }

  give(
    form: Readonly<Record<string, string>>,
    { once = false, isRotating = false, isBound = false, lifeS }: GuardedOptions,
  ): Fields | undefined {
    const { grant_type: grant, code, code_verifier: verifier = "", refresh_token: refresh } = form;
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    if (grant === "authorization_code" && (code !== "the-code" || challenge !== this.#challenge)) return undefined;
    if (grant === "refresh_token" && (refresh === undefined || refresh !== this.refresh)) {
      this.refresh = undefined;
      return undefined;
    }
    this.#given += 1;
    const access = `access-${this.#given}-canary`;
    const type = isBound ? "DPoP" : "Bearer";
    this.access.set(`${type} ${access}`, this.#scopes);
    const isFirst = grant === "authorization_code";
    if (!once && (isFirst || isRotating)) this.refresh = `refresh-${this.#given}-canary`;
    const next = once || !(isFirst || isRotating) ? {} : { refresh_token: this.refresh };
    const life = lifeS === undefined ? {} : { expires_in: lifeS };
    return { access_token: access, token_type: type, scope: this.#scopes.join(" "), ...next, ...life };
  }
}

/** `read` is enough to look and call; a tool `write` wants the scope `write`. */
export async function guardedServer(options: GuardedOptions = {}): Promise<Guarded> {
  const guarded = new Guarded();
  const server = await serve((response, { method, path, body, headers }) => {
    const { pathname, searchParams } = new URL(path, "http://here");
    const other = options.answers?.[pathname];
    if (other !== undefined) return other(response);
    switch (pathname) {
      case "/.well-known/oauth-protected-resource/mcp":
        return answerJson(response, 200, resourceOf(guarded, options));
      case "/.well-known/oauth-authorization-server":
        return answerJson(response, 200, metadataOf(guarded, options));
      case "/authorize":
        return void response.writeHead(302, { location: guarded.authorize(searchParams, options) }).end();
      case "/register":
        guarded.registered.push(JSON.parse(body) as Fields);
        return answerJson(response, 201, { client_id: "registered-1", ...(JSON.parse(body) as Fields) });
      case "/token":
        if (options.isBound === true && !isProven(guarded, response, { method, path, headers })) return;
        return giveToken(guarded, options, response, Object.fromEntries(new URLSearchParams(body)));
      case "/mcp":
        if (headers.authorization?.startsWith("DPoP ") && !isProven(guarded, response, { method, path, headers }))
          return;
        return method === "POST" ? speak(guarded, options, response, body, headers.authorization) : closed(response);
      default:
        return answerJson(response, 404, {});
    }
  });
  guarded.url = server.url;
  guarded.paths = () => server.asked.map(({ path }) => path);
  return guarded;
}

/** A good proof that is new, with the key of before, and with the nonce of this place; otherwise it has answered. */
function isProven(
  guarded: Guarded,
  response: ServerResponse,
  { method, path, headers }: { readonly method: string; readonly path: string; readonly headers: IncomingHttpHeaders },
): boolean {
  const token = headers.authorization?.replace("DPoP ", "");
  const proof = readProof(headers, method, `${guarded.url}${path}`, path === "/mcp" ? token : undefined);
  const isKnown = guarded.boundTo === undefined || guarded.boundTo === proof?.key;
  const nonce = `nonce of ${path}`;
  const isGood = proof !== undefined && isKnown && !guarded.proofs.has(proof.id);
  if (isGood && proof.nonce === nonce) {
    guarded.proofs.add(proof.id);
    guarded.boundTo = proof.key;
    return true;
  }
  const error = isGood ? "use_dpop_nonce" : "invalid_dpop_proof";
  const challenge = { "WWW-Authenticate": `DPoP error="${error}"`, ...(isGood ? { "DPoP-Nonce": nonce } : {}) };
  answerJson(response, path === "/mcp" ? 401 : 400, { error }, challenge);
  return false;
}

function resourceOf({ url, endpoint }: Guarded, { resource = {} }: GuardedOptions): Fields {
  return { resource: endpoint, authorization_servers: [url], scopes_supported: ["read"], ...resource };
}

function metadataOf({ url }: Guarded, { metadata = {}, isBound = false }: GuardedOptions): Fields {
  return {
    ...(isBound ? { dpop_signing_alg_values_supported: ["ES256"] } : {}),
    issuer: url,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    registration_endpoint: `${url}/register`,
    response_types_supported: ["code"],
    code_challenge_methods_supported: ["S256"],
    token_endpoint_auth_methods_supported: ["none", "client_secret_basic"],
    authorization_response_iss_parameter_supported: true,
    ...metadata,
  };
}

function giveToken(
  guarded: Guarded,
  options: GuardedOptions,
  response: ServerResponse,
  form: Readonly<Record<string, string>>,
): void {
  guarded.forms.push(form);
  if (options.token?.(response, form) === true) return;
  const given = guarded.give(form, options);
  answerJson(response, given === undefined ? 400 : 200, given ?? { error: "invalid_grant" });
}

const RESULTS: Fields = {
  initialize: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } },
  "tools/list": { tools: ["read", "write"].map((name) => ({ name, inputSchema: { type: "object" } })) },
  "tools/call": { content: [{ type: "text", text: "done" }] },
};

function speak(
  guarded: Guarded,
  { challenge, stepUp, isBound = false }: GuardedOptions,
  response: ServerResponse,
  body: string,
  authorization = "",
): void {
  const scopes = guarded.access.get(authorization);
  const metadata = `resource_metadata="${guarded.url}/.well-known/oauth-protected-resource/mcp"`;
  if (scopes === undefined)
    return answerJson(
      response,
      401,
      {},
      { "WWW-Authenticate": challenge ?? `${isBound ? "DPoP" : "Bearer"} scope="read", ${metadata}` },
    );
  const { id, method, params } = JSON.parse(body) as { id?: number; method: string; params?: { name?: string } };
  const wants = stepUp ?? `Bearer error="insufficient_scope", scope="write", ${metadata}`;
  if (method === "tools/call" && params?.name === "write" && !scopes.includes("write"))
    return answerJson(response, 403, {}, { "WWW-Authenticate": wants });
  guarded.calls.push(method);
  if (id === undefined) return closed(response, 202);
  return answerJson(response, 200, { jsonrpc: "2.0", id, result: RESULTS[method] });
}

function closed(response: ServerResponse, status = 405): void {
  response.writeHead(status).end();
}
