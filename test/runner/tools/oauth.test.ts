// Client credentials: tokens from a real server on loopback, for HTTP tools and MCP servers, and where they must not go.
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import { reachOfTool } from "../../../contracts/reach.ts";
import { planServer } from "../../../runner/mcp/plan-server.ts";
import { McpSupervisor } from "../../../runner/mcp/supervisor.ts";
import { resolveHost } from "../../../runner/tools/checked-request.ts";
import { callHttpTool } from "../../../runner/tools/http/http-tool.ts";
import { OAuthTokens } from "../../../runner/tools/oauth-tokens.ts";
import { GROUND, never, secretsWith, serverSpec } from "../mcp/servers.ts";
import { answerJson, serve } from "./http-server.ts";

const BASIC = `Basic ${Buffer.from("me:s3cret").toString("base64")}`;

interface Giver {
  readonly lifeS?: number;
  readonly status?: number;
  readonly body?: unknown;
}

/** Gives `t1`, `t2` … to whoever brings the right credentials. */
async function giver({ lifeS = 3_600, status = 200, body }: Giver = {}) {
  let given = 0;
  const server = await serve((response, { headers }) => {
    if (headers.authorization !== BASIC) return answerJson(response, 401, { error: "invalid_client" });
    given += 1;
    return answerJson(response, status, body ?? { access_token: `t${given}`, token_type: "Bearer", expires_in: lifeS });
  });
  return { ...server, tokenUrl: `${server.url}/token`, given: () => given };
}

interface Caller {
  nowMs: number;
  readonly secrets: ReturnType<typeof secretsWith>;
  call(spec: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<unknown>;
}

/** A runner's memory of tokens, with a clock of its own. */
function caller(values: Readonly<Record<string, string>> = {}): Caller {
  const secrets = secretsWith({ "app:client_id": "me", "app:client_secret": "s3cret", ...values });
  const outbound = { allowPrivate: false, resolve: resolveHost };
  const here: Caller = {
    nowMs: 0,
    secrets,
    call: (spec, signal = never()) => {
      const source = {
        namespace: "default",
        label: "Tool default/t",
        spec: spec as unknown as ToolSpec,
        outbound,
        credentials: { secrets, tokens, outbound: () => outbound },
      };
      return callHttpTool(source, {}, { idempotencyKey: "k", signal, checkLease: () => undefined }).catch(
        ({ code, message, details }) => ({ code, message, details }),
      );
    },
  };
  const tokens = new OAuthTokens(() => here.nowMs);
  return here;
}

function auth(tokenUrl: string, more: Readonly<Record<string, unknown>> = {}) {
  return { profile: "oauth2_client_credentials", secret_ref: "app", token_url: tokenUrl, ...more };
}

describe("a tool with client credentials", () => {
  it("fetches a token with its scopes, uses it until it is about to expire, and then another", async () => {
    const [from, tool] = [await giver(), await serve((response) => answerJson(response, 200, {}))];
    const spec = { endpoint: tool.url, auth: auth(from.tokenUrl, { scopes: ["read", "write"] }) };
    const here = caller();
    await here.call(spec);
    here.nowMs = 3_500_000;
    await here.call(spec);
    here.nowMs = 3_580_000;
    await here.call(spec);
    expect(tool.asked.map(({ headers }) => headers.authorization)).toEqual(["Bearer t1", "Bearer t1", "Bearer t2"]);
    expect(from.asked.map(({ body, path }) => [path, Object.fromEntries(new URLSearchParams(body))])).toEqual([
      ["/token", { grant_type: "client_credentials", scope: "read write" }],
      ["/token", { grant_type: "client_credentials", scope: "read write" }],
    ]);
  });

  it("fetches one token for many calls at once, and other ones for other credentials and scopes", async () => {
    const [from, tool] = [await giver(), await serve((response) => answerJson(response, 200, {}))];
    const here = caller();
    const spec = { endpoint: tool.url, auth: auth(from.tokenUrl) };
    await Promise.all(Array.from({ length: 20 }, () => here.call(spec)));
    expect(from.given()).toBe(1);
    await here.call({ ...spec, auth: auth(from.tokenUrl, { scopes: ["more"] }) });
    expect(from.given()).toBe(2);
  });

  it("tries a new token once where the tool refuses the one it has", async () => {
    const from = await giver();
    const refusing = new Set(["Bearer t1"]);
    const tool = await serve((response, { headers }) =>
      answerJson(response, refusing.has(headers.authorization ?? "") ? 401 : 200, { ok: true }),
    );
    const here = caller();
    const spec = { endpoint: tool.url, auth: auth(from.tokenUrl) };
    expect(await here.call(spec)).toMatchObject({ isError: false, text: '{"ok":true}' });
    refusing.add("Bearer t2").add("Bearer t3");
    expect(await here.call(spec)).toMatchObject({ code: "TOOL_AUTH" });
    expect([from.given(), tool.asked.length]).toEqual([3, 4]);
  });

  it("says who gives no token, and that nothing was sent to the tool", async () => {
    const tool = await serve((response) => answerJson(response, 200, {}));
    const spec = (tokenUrl: string) => ({ endpoint: tool.url, auth: auth(tokenUrl) });
    const wrong = await caller({ "app:client_secret": "wr0ng" }).call(spec((await giver()).tokenUrl));
    expect(wrong).toMatchObject({ code: "TOKEN_REFUSED", message: expect.stringContaining("invalid_client") });
    expect(JSON.stringify(wrong)).not.toContain("wr0ng");
    expect(await caller().call(spec((await giver({ status: 503 })).tokenUrl))).toMatchObject({
      code: "TOKEN_UNAVAILABLE",
      details: { effect: "none" },
    });
    for (const body of [{}, "text", { access_token: 7 }, { access_token: "x", token_type: "mac" }]) {
      expect(await caller().call(spec((await giver({ body })).tokenUrl))).toMatchObject({ code: "TOKEN_REFUSED" });
    }
    expect(await caller().call(spec("nowhere"))).toMatchObject({ code: "ENDPOINT_INVALID" });
    const full = { endpoint: tool.url, auth: { ...auth("http://127.0.0.1:9/"), secret_ref: "app:client_id" } };
    expect(await caller().call(full)).toMatchObject({ code: "TOOL_AUTH_INVALID" });
    expect(tool.asked).toEqual([]);
  });

  it("sends its secret nowhere but to the place that its manifest names, which policies on egress see", async () => {
    const [from, elsewhere] = [await giver(), await giver()];
    const moved = await serve((response) => void response.writeHead(307, { location: elsewhere.tokenUrl }).end());
    const tool = await serve((response) => answerJson(response, 200, {}));
    expect(await caller().call({ endpoint: tool.url, auth: auth(moved.url) })).toMatchObject({
      code: "REDIRECT_REFUSED",
    });
    expect(elsewhere.asked).toEqual([]);
    const spec = { type: "http", endpoint: "https://a.example/", auth: auth(from.tokenUrl) } as unknown as ToolSpec;
    const ground = { namespace: "default", hasSecret: () => true };
    expect(reachOfTool(spec, ground)).toEqual({
      secrets: ["default/app"],
      reaches: ["https://a.example/", from.tokenUrl],
    });
  });

  it("counts a token among what may be written nowhere", async () => {
    const tool = await serve((response) => answerJson(response, 200, {}));
    const here = caller();
    await here.call({ endpoint: tool.url, auth: auth((await giver()).tokenUrl) });
    expect(here.secrets.knownValues()).toContain("t1");
  });

  it("goes with its own caller, and leaves the fetch to the others", async () => {
    const held: ServerResponse[] = [];
    const slow = await serve((response) => void held.push(response));
    const tool = await serve((response) => answerJson(response, 200, {}));
    const here = caller();
    const cancel = new AbortController();
    const spec = { endpoint: tool.url, auth: auth(slow.url) };
    const [gone, stays] = [here.call(spec, cancel.signal), here.call(spec)];
    await expect.poll(() => held.length).toBe(1);
    cancel.abort(Object.assign(new Error("cancelled"), { code: "CANCELLED" }));
    expect(await gone).toMatchObject({ code: "CANCELLED" });
    for (const response of held) answerJson(response, 200, { access_token: "late", token_type: "bearer" });
    expect(await stays).toMatchObject({ isError: false });
    expect(tool.asked.map(({ headers }) => headers.authorization)).toEqual(["Bearer late"]);
  });
});

describe("an MCP server with client credentials", () => {
  it("is spoken to with tokens that are renewed while it runs", async () => {
    const from = await giver();
    let valid = "Bearer t1";
    const methods: string[] = [];
    const server = await serve((response, { headers, body, method }) => {
      if (method !== "POST") return void response.writeHead(405).end();
      if (headers.authorization !== valid) return answerJson(response, 401, {});
      const { id, method: asked } = JSON.parse(body) as { id?: number; method: string };
      methods.push(asked);
      if (id === undefined) return void response.writeHead(202).end();
      const results: Readonly<Record<string, unknown>> = {
        initialize: {
          protocolVersion: "2025-06-18",
          capabilities: { tools: {} },
          serverInfo: { name: "s", version: "1" },
        },
        "tools/list": { tools: [{ name: "echo", inputSchema: { type: "object" } }] },
        "tools/call": { content: [{ type: "text", text: "hi" }] },
      };
      return answerJson(response, 200, { jsonrpc: "2.0", id, result: results[asked] });
    });
    const spec = serverSpec({ transport: "http", endpoint: server.url, auth: auth(from.tokenUrl) });
    const secrets = secretsWith({ "app:client_id": "me", "app:client_secret": "s3cret" });
    const ground = { ...GROUND, tokens: new OAuthTokens(() => 0) };
    const mcp = new McpSupervisor();
    const handle = await mcp.acquire(
      await planServer({ namespace: "default", name: "s", spec }, secrets, ground),
      never(),
    );
    valid = "Bearer t2";
    const answer = await handle.call("echo", {}, { signal: never(), timeoutMs: 5_000, idempotencyKey: "k" });
    expect(answer).toMatchObject({ text: "hi" });
    expect([from.given(), methods.filter((one) => one === "initialize")]).toEqual([2, ["initialize"]]);
    handle.release();
    await mcp.close();
  });
});
