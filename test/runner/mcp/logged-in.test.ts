// MCP servers that a person has logged in at, called by runners: tokens are renewed where the person said, refresh tokens that
// change are followed by all runners, and what ends a login says which command begins another.
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { planServer } from "../../../runner/mcp/plan-server.ts";
import { McpSupervisor } from "../../../runner/mcp/supervisor.ts";
import type { Grant } from "../../../runner/secrets/grant.ts";
import { renderGrant } from "../../../runner/secrets/grant.ts";
import { makeBoundKey } from "../../../runner/tools/oauth/bound-key.ts";
import { GrantRenewer, type Renewals } from "../../../runner/tools/oauth/grant-renewer.ts";
import { OAuthTokens } from "../../../runner/tools/oauth-tokens.ts";
import { closeRedis, connectRedis, type Redis } from "../../../store/connect.ts";
import { renewalKeys } from "../../../store/renewal-keys.ts";
import { openRenewals } from "../../../store/renewals.ts";
import { describeWithRedis, type TestRedis, withRedis } from "../../redis.ts";
import { type Guarded, guardedServer } from "../guarded-server.ts";
import { answerJson } from "../tools/http-server.ts";
import { GROUND, never, secretsWith, serverSpec } from "./servers.ts";

type Fields = Readonly<Record<string, unknown>>;

let logins = 0;

/** As if somebody had logged in. */
function grantOf(guarded: Guarded, more: Partial<Grant> = {}): Grant {
  logins += 1;
  guarded.refresh = "refresh-0-canary";
  return {
    format: "countwheel.dev/grant/v1",
    id: `login-${logins}`,
    key: "k".repeat(43),
    endpoint: guarded.endpoint,
    issuer: guarded.url,
    token_url: `${guarded.url}/token`,
    resource: guarded.endpoint,
    client_id: "registered-1",
    client_auth: "none",
    scopes: ["read"],
    refresh_token: guarded.refresh,
    ...more,
  };
}

/** A runner of its own: its memory of tokens, and where it meets the others. */
function runner(renewals: Renewals | undefined) {
  const renewer = new GrantRenewer(renewals);
  const clock = { nowMs: 0 };
  const tokens = new OAuthTokens(() => clock.nowMs);
  return {
    clock,
    async call(guarded: Guarded, grant: Grant, tool = "read", auth: Fields = {}) {
      const secrets = secretsWith({ "files-login:grant": renderGrant(grant) });
      const fields = { profile: "oauth2_authorization_code", secret_ref: "files-login", token_url: grant.token_url };
      const http = {
        transport: "http",
        endpoint: guarded.endpoint,
        protocol: "2025-11-25",
        reconnect: { max_attempts: 1 },
      };
      const spec = serverSpec({ ...http, auth: { ...fields, ...auth } });
      const mcp = new McpSupervisor();
      try {
        const server = { namespace: "default", name: "files", spec };
        const ground = { ...GROUND, tokens, renewer, now: () => new Date("2026-01-01T00:00:00Z") };
        const handle = await mcp.acquire(await planServer(server, secrets, ground), never());
        const { text } = await handle.call(tool, {}, { signal: never(), timeoutMs: 5_000, idempotencyKey: "k" });
        return { text, secrets };
      } catch (error) {
        const { code, message } = error as { code: string; message: string };
        return { code, message, secrets };
      } finally {
        await mcp.close();
      }
    },
  };
}

describe("without a place where runners meet", () => {
  it("an access token is used as it is, to its end, and nowhere else", async () => {
    const guarded = await guardedServer();
    guarded.access.set("Bearer once-canary", ["read"]);
    const given = { access_token: "once-canary", expires_at: "2026-01-01T00:00:30.000Z" };
    const { refresh_token: _none, ...grant } = grantOf(guarded, given);
    const here = runner(undefined);
    expect(await here.call(guarded, grant)).toMatchObject({ text: "done" });
    expect(await here.call(guarded, grant, "write")).toMatchObject({
      code: "MCP_SCOPE",
      message: expect.stringContaining("`countwheel mcp login files --scope write`"),
    });
    here.clock.nowMs = 60_000;
    const over = { ...grant, id: "login-over", expires_at: "2025-12-31T23:59:59.000Z" };
    expect(await here.call(guarded, over)).toMatchObject({
      code: "TOKEN_GRANT_ENDED",
      message: expect.stringContaining("`countwheel mcp login files`"),
    });
    expect(guarded.forms).toEqual([]);
  });

  it("nothing is renewed, because the next token would be lost", async () => {
    const guarded = await guardedServer();
    expect(await runner(undefined).call(guarded, grantOf(guarded))).toMatchObject({ code: "TOKEN_NEEDS_STATE" });
    expect(guarded.forms).toEqual([]);
  });

  it.each<[string, Fields, Partial<Grant>]>([
    ["place of tokens", { token_url: "https://evil.example/token" }, {}],
    ["issuer", { issuer: "https://evil.example" }, {}],
    ["server", {}, { endpoint: "https://other.example/mcp" }],
  ])("a login for another %s is not used", async (_what, auth, more) => {
    const guarded = await guardedServer();
    const refusal = await runner(undefined).call(guarded, grantOf(guarded, more), "read", auth);
    expect(refusal).toMatchObject({ code: "TOKEN_GRANT_ELSEWHERE" });
    expect(guarded.paths()).toEqual([]);
  });

  it("a server that asks who calls, and whose manifest says nothing, gets the command that mends it", async () => {
    const guarded = await guardedServer();
    const spec = serverSpec({ transport: "http", endpoint: guarded.endpoint, reconnect: { max_attempts: 1 } });
    const mcp = new McpSupervisor();
    const plan = await planServer({ namespace: "team", name: "files", spec }, secretsWith({}), GROUND);
    const refusal: unknown = await mcp.acquire(plan, never()).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "MCP_AUTH", details: { challenge: { scopes: ["read"] } } });
    expect(String(refusal)).toContain("`countwheel mcp login team/files`");
    await mcp.close();
  });

  it.each(["write; rm -rf $HOME", "-o json", "`id`", "a*"])("scopes such as %j get into no command", async (scope) => {
    const guarded = await guardedServer({ stepUp: `Bearer error="insufficient_scope", scope="${scope}"` });
    guarded.access.set("Bearer once-canary", ["read"]);
    const { refresh_token: _none, ...grant } = grantOf(guarded, { access_token: "once-canary" });
    expect(await runner(undefined).call(guarded, grant, "write")).toMatchObject({
      code: "MCP_SCOPE",
      message:
        "McpServer default/files wants more scopes for this call (403); a person must log in with them: `countwheel mcp login files`",
    });
  });
});

describeWithRedis("with a place where runners meet", () => {
  let server: TestRedis;
  let redis: Redis;
  withRedis((opened, on) => {
    [redis, server] = [opened, on];
  });

  const meeting = (holder: string): Renewals => openRenewals(redis, "logins", holder);
  const expired = (one: ReturnType<typeof runner>): void => void (one.clock.nowMs += 3_600_000);
  const refreshes = ({ forms }: Guarded) => forms.map(({ refresh_token: token }) => token);

  it("a token is renewed for the resource of the login, and kept until it is about to end", async () => {
    const guarded = await guardedServer({ lifeS: 3_600 });
    const [here, grant] = [runner(meeting("a")), grantOf(guarded)];
    expect(await here.call(guarded, grant)).toMatchObject({ text: "done" });
    await here.call(guarded, grant);
    expired(here);
    await here.call(guarded, grant);
    const { endpoint: resource } = guarded;
    const form = {
      grant_type: "refresh_token",
      refresh_token: "refresh-0-canary",
      resource,
      client_id: "registered-1",
    };
    expect(guarded.forms).toEqual([form, form]);
    expect(await redis.exists(renewalKeys("logins", grant.id).renewal)).toBe(0);
  });

  it("refresh tokens that change are followed: by others, after a restart, and by two at once", async () => {
    const guarded = await guardedServer({ isRotating: true, lifeS: 3_600 });
    const grant = grantOf(guarded);
    const [one, other] = [runner(meeting("a")), runner(meeting("b"))];
    const both = await Promise.all([one.call(guarded, grant), other.call(guarded, grant)]);
    expect(both.map(({ text }) => text)).toEqual(["done", "done"]);
    expect(await runner(meeting("c")).call(guarded, grant)).toMatchObject({ text: "done" });
    expect(refreshes(guarded)).toEqual(["refresh-0-canary", "refresh-1-canary", "refresh-2-canary"]);
  });

  it("tokens that are bound to a key are proven for each request, with what servers want to see in it", async () => {
    const guarded = await guardedServer({ isBound: true, isRotating: true, lifeS: 3_600 });
    const grant = grantOf(guarded, { bound_key: await makeBoundKey() });
    const [here, other] = [runner(meeting("a")), runner(meeting("b"))];
    expect(await here.call(guarded, grant)).toMatchObject({ text: "done" });
    expired(here);
    expect(await here.call(guarded, grant)).toMatchObject({ text: "done" });
    expect(await other.call(guarded, grant)).toMatchObject({ text: "done" });
    // A new proof for each token, each message, and each connection's question for a stream.
    expect(guarded.proofs.size).toBe(guarded.forms.length + guarded.calls.length + 3);
    const stolen = { ...grant, id: "stolen", bound_key: await makeBoundKey() };
    expect(await here.call(guarded, { ...stolen, refresh_token: guarded.refresh ?? "" })).toMatchObject({
      code: "TOKEN_REFUSED",
      message: expect.stringContaining("invalid_dpop_proof"),
    });
  });

  it("nothing that stands in Redis is a token, or can be put there by somebody else", async () => {
    const guarded = await guardedServer({ isRotating: true });
    const grant = grantOf(guarded);
    await runner(meeting("a")).call(guarded, grant);
    const { renewal } = renewalKeys("logins", grant.id);
    const kept = await redis.hgetall(renewal);
    const box = Buffer.from(kept["box"] ?? "", "base64url").toString("latin1");
    expect([kept["number"], JSON.stringify(kept), box]).toEqual([
      "1",
      expect.not.stringContaining("canary"),
      expect.not.stringContaining("canary"),
    ]);
    expect(await redis.pttl(renewal)).toBeGreaterThan(0);
    await redis.hset(renewal, "number", "2");
    const asked = guarded.forms.length;
    expect(await runner(meeting("b")).call(guarded, grant)).toMatchObject({ code: "TOKEN_RENEWAL_DAMAGED" });
    expect(guarded.forms).toHaveLength(asked);
  });

  it("a login that is over is asked about once, until there is another", async () => {
    const guarded = await guardedServer();
    const [here, grant] = [runner(meeting("a")), grantOf(guarded)];
    guarded.refresh = "another";
    for (let tries = 0; tries < 3; tries += 1)
      expect(await here.call(guarded, grant)).toMatchObject({
        code: "TOKEN_GRANT_ENDED",
        message: expect.stringContaining("`countwheel mcp login files`"),
      });
    expect(guarded.forms).toHaveLength(1);
    expect(await here.call(guarded, grantOf(guarded))).toMatchObject({ text: "done" });
  });

  it("what could not be kept, because Redis was away, is used and kept the next time", async () => {
    const guarded = await guardedServer({ isRotating: true, lifeS: 3_600 });
    const grant = grantOf(guarded);
    const away = connectRedis(server.url, "command");
    const meant = openRenewals(away, "logins", "a");
    let isAway = true;
    // The connection ends between the two scripts; `end` comes to a real one that is closed.
    const here = runner({
      begin: (id) => meeting("a").begin(id),
      end: (id, after, box) => (isAway ? meant : meeting("a")).end(id, after, box),
    });
    await closeRedis(away);
    expect(await here.call(guarded, grant)).toMatchObject({ text: "done" });
    expect(await redis.exists(renewalKeys("logins", grant.id).renewal)).toBe(0);
    await redis.del(renewalKeys("logins", grant.id).renewing);
    isAway = false;
    expired(here);
    expect(await here.call(guarded, grant)).toMatchObject({ text: "done" });
    expect(await runner(meeting("b")).call(guarded, grant)).toMatchObject({ text: "done" });
    expect(refreshes(guarded)).toEqual(["refresh-0-canary", "refresh-1-canary", "refresh-2-canary"]);
  });

  it("what could not be kept is kept later also where Redis was emptied, and the place of tokens is down", async () => {
    let isDown = false;
    const guarded = await guardedServer({
      isRotating: true,
      lifeS: 3_600,
      token: (response) => {
        if (isDown) answerJson(response, 503, {});
        return isDown;
      },
    });
    const grant = grantOf(guarded);
    const { renewal, renewing } = renewalKeys("logins", grant.id);
    let isAway = false;
    const away = connectRedis(server.url, "command");
    await closeRedis(away);
    const here = runner({
      begin: (id) => meeting("a").begin(id),
      end: (id, after, box) => (isAway ? openRenewals(away, "logins", "a") : meeting("a")).end(id, after, box),
    });
    await here.call(guarded, grant);
    isAway = true;
    expired(here);
    expect(await here.call(guarded, grant)).toMatchObject({ text: "done" });
    await redis.del(renewal, renewing);
    [isAway, isDown] = [false, true];
    expired(here);
    expect(await here.call(guarded, grant)).toMatchObject({ code: "TOKEN_UNAVAILABLE" });
    isDown = false;
    expect(await runner(meeting("b")).call(guarded, grant)).toMatchObject({ text: "done" });
    expect(refreshes(guarded).at(-1)).toBe("refresh-2-canary");
  });

  it("one that slept past its turn writes only where nobody has overtaken it", async () => {
    const id = "sleeper";
    const [one, other] = [meeting("a"), meeting("b")];
    expect(await one.begin(id)).toEqual({ outcome: "begun", number: 0, box: "" });
    expect(await other.begin(id)).toMatchObject({ outcome: "busy" });
    await redis.del(renewalKeys("logins", id).renewing);
    expect(await other.begin(id)).toMatchObject({ outcome: "begun", number: 0 });
    expect(await other.end(id, 0, "theirs")).toBe("kept");
    expect(await one.end(id, 0, "late")).toBe("moved");
    expect(await one.begin(id)).toEqual({ outcome: "begun", number: 1, box: "theirs" });
    // Its end takes nobody else's turn away.
    expect(await other.end(id, 1, "")).toBe("kept");
    expect(await other.begin(id)).toMatchObject({ outcome: "busy" });
  });

  it.each<[string, (response: ServerResponse, token: string) => void]>([
    ["garbage", (response) => void response.end("<html>")],
    [
      "its own words with the token in them",
      (response, token) => answerJson(response, 400, { error: "invalid_request", error_description: `no ${token}` }),
    ],
    ["another way to call", (response) => answerJson(response, 200, { access_token: "x", token_type: "mac" })],
  ])("a place of tokens that answers with %s tells nothing of them", async (_what, answer) => {
    const guarded = await guardedServer({
      token: (response, { refresh_token: token = "" }) => {
        answer(response, token);
        return true;
      },
    });
    const { code, message } = await runner(meeting("a")).call(guarded, grantOf(guarded));
    expect([code, message]).toEqual(["TOKEN_REFUSED", expect.not.stringContaining("canary")]);
    expect(guarded.forms).toHaveLength(1);
  });

  it("everything that was given counts among what may be written nowhere", async () => {
    const guarded = await guardedServer({ isRotating: true });
    const { secrets } = await runner(meeting("a")).call(guarded, grantOf(guarded));
    const values = ["refresh-0-canary", "refresh-1-canary", "access-1-canary"];
    expect(secrets.knownValues()).toEqual(expect.arrayContaining(values));
  });
});
