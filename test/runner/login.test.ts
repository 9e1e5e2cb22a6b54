// A person's login at an MCP server that wants one: what they are shown, what is sent where, and everything that is refused.
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { findLogin, type LoginWish } from "../../runner/login.ts";
import { requirePlace } from "../../runner/mcp/login/found-fetch.ts";
import { resolveHost } from "../../runner/tools/checked-request.ts";
import { type Guarded, type GuardedOptions, guardedServer } from "./guarded-server.ts";
import { GROUND, never, serverSpec } from "./mcp/servers.ts";
import { answerJson, serve } from "./tools/http-server.ts";

const BACK = "http://127.0.0.1:1/callback";
const RESOURCE = "/.well-known/oauth-protected-resource/mcp";
const SERVER = "/.well-known/oauth-authorization-server";
const NOW = new Date("2026-01-01T00:00:00Z");
const STRANGER = { id: undefined, secret: undefined };

type Fields = Readonly<Record<string, unknown>>;

function find({ endpoint }: Pick<Guarded, "endpoint">, more: Fields = {}, wish: Partial<LoginWish> = {}) {
  const spec = serverSpec({ transport: "http", endpoint, protocol: "2025-11-25", ...more });
  const server = { namespace: "default", name: "files", spec };
  return findLogin(server, { scopes: [], client: STRANGER, ...wish }, GROUND, never());
}

/** To the end, with a browser that goes where it is sent. */
async function logIn(guarded: Guarded, more: Fields = {}, wish: Partial<LoginWish> = {}) {
  const login = await find(guarded, more, wish);
  const begun = await login.begin(BACK, never());
  const sent = await fetch(begun.url, { redirect: "manual" });
  const redirected = new URL(sent.headers.get("location") ?? "");
  return { login, begun, grant: await begun.finish(redirected, NOW, never()) };
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "nothing was refused",
    ({ code, message }) => code ?? message,
  );
}

describe("a login", () => {
  it("shows where, for what and as whom before anything is sent, and pins all of it", async () => {
    const guarded = await guardedServer({ lifeS: 60 });
    const { offer } = await find(guarded);
    const { url, endpoint } = guarded;
    const places = { issuer: url, authorizationUrl: `${url}/authorize`, tokenUrl: `${url}/token` };
    const what = { resource: endpoint, isBound: false, scopes: ["read"], client: { how: "new" } };
    expect(offer).toEqual({ endpoint, ...places, ...what });
    expect([guarded.registered, guarded.forms]).toEqual([[], []]);
    const { grant } = await logIn(guarded);
    expect(grant).toEqual({
      format: "countwheel.dev/grant/v1",
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      key: expect.stringMatching(/^[\w-]{43}$/),
      endpoint,
      issuer: url,
      token_url: `${url}/token`,
      resource: endpoint,
      client_id: "registered-1",
      client_auth: "none",
      scopes: ["read"],
      refresh_token: "refresh-1-canary",
    });
    const [asked] = guarded.asked;
    expect([asked?.get("resource"), asked?.get("code_challenge_method")]).toEqual([endpoint, "S256"]);
    expect(guarded.forms).toEqual([
      expect.objectContaining({ resource: endpoint, redirect_uri: BACK, code: "the-code" }),
    ]);
  });

  it("asks for the manifest's scopes and those of the person, and for lasting access where there is such a scope", async () => {
    const guarded = await guardedServer({ metadata: { scopes_supported: ["read", "offline_access"] } });
    const auth = { profile: "oauth2_authorization_code", scopes: ["read"] };
    const { offer } = await find(guarded, { auth }, { scopes: ["write", "read"] });
    expect(offer.scopes).toEqual(["read", "write", "offline_access"]);
  });

  it("drops what no scope can be", async () => {
    const odd = ['a"b', "c d", "\u001b[31m", "é", "x".repeat(300), "fine"];
    const { offer } = await find(await guardedServer({ challenge: "Bearer", resource: { scopes_supported: odd } }));
    expect(offer.scopes).toEqual(["fine"]);
  });

  it("binds tokens to a key of its own, where the server asks for that and the issuer can", async () => {
    const guarded = await guardedServer({ isBound: true });
    const { login, grant } = await logIn(guarded);
    expect([login.offer.isBound, JSON.parse(grant.bound_key ?? "{}")]).toEqual([
      true,
      expect.objectContaining({ crv: "P-256", x: guarded.boundTo, d: expect.any(String) }),
    ]);
    const bearing = await guardedServer({ metadata: { dpop_signing_alg_values_supported: ["ES256"] } });
    expect((await logIn(bearing)).grant).not.toHaveProperty("bound_key");
  });

  it("keeps an access token that cannot be renewed with its end", async () => {
    const { grant } = await logIn(await guardedServer({ once: true, lifeS: 60 }));
    expect(grant).toMatchObject({ access_token: "access-1-canary", expires_at: "2026-01-01T00:01:00.000Z" });
    expect(grant).not.toHaveProperty("refresh_token");
  });

  it("takes a client that is registered, with its secret in the header, and registers none", async () => {
    const guarded = await guardedServer({
      metadata: { token_endpoint_auth_methods_supported: ["client_secret_basic"] },
    });
    const { grant } = await logIn(guarded, {}, { client: { id: "mine", secret: "client-canary" } });
    expect(grant).toMatchObject({
      client_id: "mine",
      client_secret: "client-canary",
      client_auth: "client_secret_basic",
    });
    expect([guarded.registered, JSON.stringify(guarded.forms)]).toEqual([
      [],
      expect.not.stringContaining("client-canary"),
    ]);
  });

  it("needs a client where the issuer registers none, and a URL only where it reads such", async () => {
    const guarded = await guardedServer({ metadata: { registration_endpoint: undefined } });
    expect(await codeOf(find(guarded))).toBe("LOGIN_CLIENT");
    const client = { id: "https://me.example/client.json", secret: undefined };
    expect(await codeOf(find(guarded, {}, { client }))).toBe("LOGIN_CLIENT");
    const reading = await guardedServer({ metadata: { client_id_metadata_document_supported: true } });
    expect((await find(reading, {}, { client })).offer.client).toEqual({ how: "document", id: client.id });
  });
});

const SPEAKING = { resource: { authorization_servers: ["https://issuer.example/\u001b[31m"] } };

describe("a login refuses, and sends nothing more to anybody,", () => {
  it.each<[string, string, GuardedOptions]>([
    ["an issuer whose name speaks to terminals", "LOGIN_METADATA", SPEAKING],
    [
      "a server that is another resource",
      "LOGIN_RESOURCE_MISMATCH",
      { resource: { resource: "https://evil.example/mcp" } },
    ],
    [
      "an issuer that calls itself another one",
      "LOGIN_ISSUER_MISMATCH",
      { metadata: { issuer: "https://evil.example" } },
    ],
    ["a resource that names no issuer", "LOGIN_METADATA", { resource: { authorization_servers: [] } }],
    ["an issuer in the open", "LOGIN_INSECURE", { resource: { authorization_servers: ["http://issuer.example"] } }],
    ["a token endpoint in the open", "LOGIN_INSECURE", { metadata: { token_endpoint: "http://tokens.example/" } }],
    [
      "a place for browsers in the open",
      "LOGIN_INSECURE",
      { metadata: { authorization_endpoint: "http://a.example/" } },
    ],
    [
      "a place for browsers that is a script",
      "LOGIN_METADATA",
      { metadata: { authorization_endpoint: "javascript:x" } },
    ],
    [
      "a place for browsers that is a file",
      "LOGIN_INSECURE",
      { metadata: { authorization_endpoint: "file:///etc/x" } },
    ],
    ["an issuer without proof keys", "LOGIN_METADATA", { metadata: { code_challenge_methods_supported: ["plain"] } }],
    ["one that does not say so", "LOGIN_METADATA", { metadata: { code_challenge_methods_supported: undefined } }],
    [
      "metadata of another origin",
      "LOGIN_METADATA",
      { challenge: 'Bearer resource_metadata="https://evil.example/x"' },
    ],
    [
      "metadata that is no JSON",
      "LOGIN_METADATA",
      { answers: { [RESOURCE]: (response) => void response.end("<html>") } },
    ],
    ["metadata without end", "TOKEN_UNAVAILABLE", { answers: { [SERVER]: flood } }],
    ["metadata elsewhere", "REDIRECT_REFUSED", { answers: { [SERVER]: (response) => moved(response) } }],
  ])("for %s", async (_what, code, options) => {
    const guarded = await guardedServer(options);
    expect(await codeOf(find(guarded))).toBe(code);
    expect([guarded.registered, guarded.asked, guarded.forms]).toEqual([[], [], []]);
  });

  it.each<[string, string, GuardedOptions["redirect"]]>([
    ["another login's state", "LOGIN_STATE", { state: "forged" }],
    ["no state", "LOGIN_STATE", { state: null }],
    ["another issuer", "LOGIN_ISSUER_MISMATCH", { iss: "https://evil.example" }],
    ["an issuer that is the same but for a slash", "LOGIN_ISSUER_MISMATCH", { iss: "http://127.0.0.1/" }],
    ["no issuer where one was promised", "LOGIN_ISSUER_MISMATCH", { iss: null }],
    ["another issuer's error", "LOGIN_ISSUER_MISMATCH", { iss: "https://evil.example", error: "access_denied" }],
    ["an error", "LOGIN_DENIED", { error: "access_denied", code: null }],
    ["no code", "LOGIN_DENIED", { code: null }],
  ])("a redirect with %s", async (_what, code, redirect = {}) => {
    const guarded = await guardedServer({ redirect });
    expect(await codeOf(logIn(guarded))).toBe(code);
    expect(guarded.forms).toEqual([]);
  });

  it("a code that comes twice", async () => {
    const guarded = await guardedServer();
    const begun = await (await find(guarded)).begin(BACK, never());
    const state = new URL(begun.url).searchParams.get("state") ?? "";
    const twice = new URL(`${BACK}?code=a&code=b&state=${state}&iss=${encodeURIComponent(guarded.url)}`);
    expect(await codeOf(begun.finish(twice, NOW, never()))).toBe("LOGIN_DENIED");
  });

  it.each<[string, string, (response: ServerResponse) => void]>([
    ["garbage", "LOGIN_REFUSED", (response) => void response.end("<html>")],
    ["no token", "LOGIN_REFUSED", (response) => answerJson(response, 200, { token_type: "Bearer" })],
    ["an error with the code in it", "LOGIN_REFUSED", (response) => answerJson(response, 400, { error: "the-code x" })],
    ["an answer without end", "TOKEN_UNAVAILABLE", flood],
    ["a redirect", "REDIRECT_REFUSED", moved],
  ])("a token endpoint that answers with %s", async (_what, code, answer) => {
    const guarded = await guardedServer({
      token: (response) => {
        answer(response);
        return true;
      },
    });
    const refusal: unknown = await logIn(guarded).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code });
    expect(String(refusal)).not.toContain("the-code");
    expect(guarded.forms).toHaveLength(1);
  });

  it("another issuer than the one that was reviewed", async () => {
    const auth = { profile: "oauth2_authorization_code", issuer: "https://before.example" };
    expect(await codeOf(find(await guardedServer(), { auth }))).toBe("LOGIN_ISSUER_CHANGED");
  });

  it("a server that asks nobody who calls, and one that is a program", async () => {
    const open = await serve((response) => answerJson(response, 404, {}));
    expect(await codeOf(find({ endpoint: `${open.url}/mcp` }))).not.toBe("nothing was refused");
    expect(await codeOf(find({ endpoint: "" }, { transport: "stdio", command: "x" }))).toBe("LOGIN_NOT_OFFERED");
  });

  it("to look around in here for a server that is out there", () => {
    const outbound = { allowPrivate: false, resolve: resolveHost };
    const server = { label: "McpServer default/files", endpoint: new URL("https://mcp.example/mcp"), outbound };
    for (const place of [
      "http://127.0.0.1:9/",
      "https://localhost/",
      "https://10.0.0.1/",
      "http://[::1]/",
      "https://a.localhost/",
    ])
      expect(() => requirePlace(server, new URL(place)), place).toThrow(
        expect.objectContaining({ code: "ADDRESS_REFUSED" }),
      );
    expect(() =>
      requirePlace({ ...server, outbound: { ...outbound, allowPrivate: true } }, new URL("http://10.0.0.1/")),
    ).not.toThrow();
    expect(() => requirePlace(server, new URL("https://issuer.example/"))).not.toThrow();
  });
});

function flood(response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "application/json" });
  response.write("[".repeat(2_000_000));
}

function moved(response: ServerResponse): void {
  response.writeHead(302, { location: "https://evil.example/" }).end();
}
