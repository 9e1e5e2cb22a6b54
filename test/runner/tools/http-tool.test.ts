// HTTP tools against a real server on loopback: what is sent, what comes back, and where a call must not lead.
import { expect, test } from "vitest";
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import { mayConnect } from "../../../runner/tools/addresses.ts";
import { resolveHost } from "../../../runner/tools/checked-request.ts";
import { callHttpTool } from "../../../runner/tools/http/http-tool.ts";
import { OAuthTokens } from "../../../runner/tools/oauth-tokens.ts";
import { never, secretsWith } from "../mcp/servers.ts";
import { answerJson, serve } from "./http-server.ts";

interface Given {
  readonly endpoint: string;
  readonly [field: string]: unknown;
}

/** `names`: what the resolver answers. */
function call(spec: Given, names: Readonly<Record<string, string>> = {}, signal: AbortSignal = never()) {
  const resolve = (host: string) =>
    names[host] === undefined ? resolveHost(host) : Promise.resolve([{ address: names[host], family: 4 }]);
  return callWith(spec, resolve, signal);
}

function callWith(
  spec: Given,
  resolve: typeof resolveHost,
  signal: AbortSignal = never(),
  checkLease: () => void = () => undefined,
) {
  const source = {
    namespace: "default",
    label: "Tool default/t",
    spec: spec as unknown as ToolSpec,
    outbound: { allowPrivate: false, resolve },
    credentials: {
      secrets: secretsWith({ key: "s3cret" }),
      tokens: new OAuthTokens(() => performance.now()),
      outbound: () => ({ allowPrivate: false, resolve }),
    },
  };
  return callHttpTool(source, { query: "bells" }, { idempotencyKey: "task-1/m1.c1", signal, checkLease });
}

test("posts the arguments as JSON with the idempotency key", async () => {
  const server = await serve((response) => answerJson(response, 200, { found: 2 }));
  expect(await call({ endpoint: `${server.url}/search` })).toEqual({ text: '{"found":2}', isError: false });
  expect(server.asked).toMatchObject([
    {
      method: "POST",
      path: "/search",
      body: '{"query":"bells"}',
      headers: { "content-type": "application/json", "idempotency-key": "task-1/m1.c1" },
    },
  ]);
});

test.each([
  [{ secret_ref: "key" }, "authorization", "Bearer s3cret"],
  [{ profile: "basic", secret_ref: "key" }, "authorization", `Basic ${Buffer.from("s3cret").toString("base64")}`],
  [{ profile: "api_key_header", secret_ref: "key", header_name: "X-Token" }, "x-token", "s3cret"],
])("proves who calls by %o", async (auth, header, value) => {
  const server = await serve((response) => answerJson(response, 200, {}));
  await call({ endpoint: server.url, auth });
  expect(server.asked[0]?.headers[header]).toBe(value);
});

test("cuts a result of 50 MB at its limit, and says so", async () => {
  let sent = 0;
  const server = await serve((response) => {
    const block = Buffer.alloc(1024 * 1024, "z");
    const more = (): void => {
      while (sent < 50 && !response.destroyed) {
        sent += 1;
        if (!response.write(block)) return void response.once("drain", more);
      }
      response.end();
    };
    more();
  });
  const { text } = await call({ endpoint: server.url, max_result_bytes: 1000 });
  expect(text).toBe(
    `${"z".repeat(1000)}…\n[truncated: the first 1000 of more bytes; the tool's max_result_bytes is 1000]`,
  );
  expect(sent).toBeLessThan(50);
});

test("does not cut within a character", async () => {
  const server = await serve((response) => void response.end("üüü"));
  const { text } = await call({ endpoint: server.url, max_result_bytes: 3 });
  expect(text).toContain("ü…\n[truncated: the first 2 of more bytes");
});

test("gives the model what the tool complains about", async () => {
  const server = await serve((response) => answerJson(response, 422, { error: "query too short" }));
  expect(await call({ endpoint: server.url })).toEqual({
    text: 'HTTP 422\n{"error":"query too short"}',
    isError: true,
  });
});

test.each([
  [500, {}, { name: "TransientFailure", code: "TOOL_UNAVAILABLE" }],
  [503, { "Retry-After": "3" }, { name: "TransientFailure", code: "TOOL_UNAVAILABLE", retryAfterMs: 3_000 }],
  [429, { "Retry-After": "7" }, { name: "TransientFailure", code: "TOOL_UNAVAILABLE", retryAfterMs: 7_000 }],
  [401, {}, { name: "PermanentFailure", code: "TOOL_AUTH" }],
])("answers %i %o with %o", async (status, headers, failure) => {
  const server = await serve((response) => answerJson(response, status, { message: "no" }, headers));
  await expect(call({ endpoint: server.url })).rejects.toMatchObject(failure);
});

test("a tool that hangs fails at its time-out", async () => {
  const server = await serve(() => undefined);
  await expect(call({ endpoint: server.url, runtime: { timeout: "50ms" } })).rejects.toMatchObject({
    name: "TransientFailure",
    code: "TOOL_TIMEOUT",
  });
});

test("a tool that stops in the middle of its answer fails at its time-out", async () => {
  const server = await serve((response) => void response.write("half"));
  await expect(call({ endpoint: server.url, runtime: { timeout: "50ms" } })).rejects.toMatchObject({
    code: "TOOL_TIMEOUT",
  });
});

test("a time-out that is longer than a timer can hold is none", async () => {
  const server = await serve((response) => void setImmediate(() => answerJson(response, 200, "slow")));
  expect((await call({ endpoint: server.url, runtime: { timeout: "1000h" } })).text).toBe('"slow"');
});

test("an answer that is cut is no result", async () => {
  const server = await serve((response) => {
    response.writeHead(200, { "Content-Length": "1000" });
    response.write("half");
    setImmediate(() => response.destroy());
  });
  await expect(call({ endpoint: server.url })).rejects.toMatchObject({ name: "TransientFailure", code: "ANSWER_CUT" });
});

test("an abort throws its reason", async () => {
  const abort = new AbortController();
  const reason = new Error("lease lost");
  const server = await serve(() => abort.abort(reason));
  await expect(call({ endpoint: server.url }, {}, abort.signal)).rejects.toBe(reason);
});

test("nobody there is a failure that may pass", async () => {
  const server = await serve(() => undefined);
  await expect(call({ endpoint: "http://127.0.0.1:1/" })).rejects.toMatchObject({
    name: "TransientFailure",
    code: "HOST_UNREACHABLE",
    message: "http://127.0.0.1:1: ECONNREFUSED",
    details: { effect: "none" },
  });
  expect(server.asked).toEqual([]);
});

test("a name that nobody knows is a failure before anything was sent", async () => {
  await expect(call({ endpoint: "http://tool.invalid/" })).rejects.toMatchObject({
    code: "HOST_UNREACHABLE",
    details: { effect: "none" },
  });
});

test("a connection that breaks after the request was sent leaves open what happened", async () => {
  const server = await serve((response) => void response.destroy());
  await expect(call({ endpoint: server.url })).rejects.toMatchObject({ code: "HOST_UNREACHABLE", details: {} });
  expect(server.asked).toHaveLength(1);
});

test("a host that lets nobody in before the time-out was sent nothing", async () => {
  const spec = { endpoint: "http://tool.test/", runtime: { timeout: "50ms" } };
  await expect(callWith(spec, () => new Promise(() => undefined))).rejects.toMatchObject({
    code: "TOOL_TIMEOUT",
    details: { effect: "none" },
  });
});

test("sends nothing where the lease ended between the call and the connection, though no timer has told yet", async () => {
  const server = await serve((response) => answerJson(response, 200, {}));
  const lease = new AbortController();
  const reason = new Error("the lease is gone");
  const checkLease = (): void => {
    lease.abort(reason);
    throw reason;
  };
  await expect(callWith({ endpoint: server.url }, resolveHost, lease.signal, checkLease)).rejects.toBe(reason);
  expect(server.asked).toEqual([]);
});

test("follows a redirect within the origin and keeps method and body", async () => {
  const server = await serve((response, { path }) => {
    if (path === "/old") response.writeHead(307, { Location: "/new" }).end();
    else answerJson(response, 200, "moved");
  });
  expect((await call({ endpoint: `${server.url}/old` })).text).toBe('"moved"');
  expect(server.asked.map(({ method, path, body }) => [method, path, body])).toEqual([
    ["POST", "/old", '{"query":"bells"}'],
    ["POST", "/new", '{"query":"bells"}'],
  ]);
});

test.each(["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/elsewhere"])(
  "does not follow a redirect to %s",
  async (target) => {
    const server = await serve((response) => void response.writeHead(307, { Location: target }).end());
    await expect(call({ endpoint: server.url })).rejects.toMatchObject({
      name: "PermanentFailure",
      code: "REDIRECT_REFUSED",
    });
  },
);

test("a name that leads to loopback is refused before anything is sent", async () => {
  const server = await serve((response) => answerJson(response, 200, {}));
  const names = { "tool.example.com": "127.0.0.1" };
  await expect(call({ endpoint: `http://tool.example.com:${server.port}/` }, names)).rejects.toMatchObject({
    name: "PermanentFailure",
    code: "ADDRESS_REFUSED",
    details: { host: "tool.example.com", address: "127.0.0.1" },
  });
  expect(server.asked).toEqual([]);
});

test("`localhost` in a manifest means this machine", async () => {
  const server = await serve((response) => answerJson(response, 200, "here"));
  expect((await call({ endpoint: `http://localhost:${server.port}/` }, { localhost: "127.0.0.1" })).text).toBe(
    '"here"',
  );
});

test.each([
  ["example.com", "93.184.216.34", false, true],
  ["example.com", "10.0.0.7", false, false],
  ["example.com", "10.0.0.7", true, true],
  ["10.0.0.7", "10.0.0.7", false, true],
  ["example.com", "::ffff:10.0.0.7", false, false],
  ["example.com", "fd12::1", false, false],
  ["example.com", "64:ff9b::a9fe:a9fe", false, false],
  ["169.254.169.254", "169.254.169.254", true, false],
  ["::ffff:169.254.169.254", "::ffff:169.254.169.254", true, false],
  ["fe80::1", "fe80::1", true, false],
  ["0.0.0.0", "0.0.0.0", true, false],
  ["example.com", "no address", true, false],
])("%s at %s (private allowed: %s) may be connected to: %s", (host, address, allowPrivate, expected) => {
  expect(mayConnect(host, address, allowPrivate)).toBe(expected);
});
