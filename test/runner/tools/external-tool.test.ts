// Tools of type external against a real server on loopback: the envelope that is sent, and everything that may come back.
import { describe, expect, it } from "vitest";
import { callExternalTool } from "../../../runner/tools/http/external-tool.ts";
import type { ToolCallContext } from "../../../runner/tools/tool.ts";
import { answerJson, serve } from "./http-server.ts";
import { callContext, contractSource, KEY, type Means } from "./remote-source.ts";

type Spec = Readonly<Record<string, unknown>>;

function call(spec: Spec, context: Partial<ToolCallContext> = {}, means: Means = {}) {
  return callExternalTool(
    contractSource({ type: "external", ...spec }, means),
    { query: "bells" },
    callContext(context),
  );
}

/** What a tool that answers so comes to: its result, or its failure's code, message and details. */
async function comesTo(body: unknown, status = 200, spec: Spec = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const server = await serve((response) => void response.writeHead(status).end(text));
  return call({ endpoint: server.url, ...spec }).catch(({ name, code, message, details }) => ({
    name,
    code,
    message,
    details,
  }));
}

describe("a tool of type external", () => {
  it("is sent the arguments with its task, agent and key, and its credentials in the header alone", async () => {
    const server = await serve((response) => answerJson(response, 200, { status: "ok", output: { found: 2 } }));
    const spec = {
      endpoint: `${server.url}/execute`,
      auth: { secret_ref: "key" },
      capabilities: ["orders.read"],
      risk_level: "medium",
      runtime: { timeout: "5s" },
    };
    expect(await call(spec)).toEqual({ text: '{"found":2}', isError: false });
    const [asked] = server.asked;
    expect(asked).toMatchObject({
      method: "POST",
      path: "/execute",
      headers: { authorization: "Bearer s3cret", "idempotency-key": KEY, "x-tool-contract-version": "v1" },
    });
    expect(JSON.parse(asked?.body ?? "")).toEqual({
      tool_contract_version: "v1",
      request_id: KEY,
      task_id: "default/weekly",
      namespace: "default",
      agent: "clerk",
      tool: { name: "orders.find", operation: "invoke", capabilities: ["orders.read"], risk_level: "medium" },
      input: { query: "bells" },
      input_raw: '{"query":"bells"}',
      runtime: { mode: "external", timeout_ms: 5_000 },
    });
  });

  it.each([
    [{ status: "ok" }, ""],
    [{ status: "ok", output: "two bells" }, "two bells"],
    [{ status: "ok", output: { result: "two bells" } }, "two bells"],
    [{ status: "ok", output: { result: 2 } }, '{"result":2}'],
    [{ status: "ok", output: [1, 2], request_id: KEY, usage: { attempt: 1 }, later: true }, "[1,2]"],
  ])("that answers %j returns `%s`", async (body, text) => {
    expect(await comesTo(body)).toEqual({ text, isError: false });
  });

  it.each([
    [
      { status: "error", error: { code: "invalid_input", reason: "tool_invalid_input", message: "no such order" } },
      "error: invalid_input: tool_invalid_input: no such order",
    ],
    [{ status: "denied", error: { code: "permission_denied", retryable: true } }, "denied: permission_denied"],
  ])("that answers %j is read by the model", async (body, text) => {
    expect(await comesTo(body)).toEqual({ text, isError: true });
  });

  it.each([
    ["rate_limited", { effect: "none" }],
    ["execution_failed", {}],
    ["timeout", {}],
    ["of_its_own", {}],
  ])("that may be tried again after `%s` fails with %j", async (code, details) => {
    expect(await comesTo({ status: "error", error: { code, message: "busy", retryable: true } })).toEqual({
      name: "TransientFailure",
      code: "TOOL_UNAVAILABLE",
      message: `Tool default/orders.find failed: ${code}: busy`,
      details,
    });
  });

  it.each([
    ["no JSON", "it is no JSON"],
    ["", "it is no JSON"],
    [[], "it must be object"],
    [{ output: 1 }, "it has no `status`"],
    [{ status: "success" }, "`status` must be one of ok,error,denied,pending"],
    [{ status: "error" }, "it has no `error`"],
    [{ status: "error", error: { message: "?" } }, "`error` has no `code`"],
    [{ status: "ok", request_id: "other" }, "its `request_id` is that of another call"],
    [{ status: "ok", tool_contract_version: "v2" }, "`tool_contract_version` must be `v1`"],
    [{ status: "pending" }, "only tools of type `webhook-callback` may be `pending`"],
    [`{"status":"ok","output":${"[".repeat(200_000)}${"]".repeat(200_000)}}`, "its `output` is nested too deeply"],
  ])("leaves open what happened where its answer is %.40j", async (body, why) => {
    expect(await comesTo(body)).toEqual({
      name: "TransientFailure",
      code: "TOOL_ANSWER_INVALID",
      message: `the answer of Tool default/orders.find is none by the tool contract: ${why}`,
      details: {},
    });
  });

  it.each([
    [422, "HTTP 422\nno", undefined],
    [401, undefined, "TOOL_AUTH"],
    [503, undefined, "TOOL_UNAVAILABLE"],
  ])("answers %i as a tool of type http does", async (status, text, code) => {
    const spec = { auth: { profile: "basic", secret_ref: "key" } };
    expect(await comesTo("no", status, spec)).toMatchObject(code === undefined ? { text, isError: true } : { code });
  });

  it("cuts a long result, and keeps all of it for whoever may read on", async () => {
    const output = "z".repeat(3_000);
    const server = await serve((response) => answerJson(response, 200, { status: "ok", output }));
    const spec = { endpoint: server.url, max_result_bytes: 1_000 };
    expect((await call(spec)).text).toContain("[truncated: the first 1000 of 3000 bytes");
    expect(await call(spec, { keepBytes: 2_000 })).toMatchObject({
      overflow: { text: "z".repeat(2_000), limitBytes: 1_000, totalBytes: 3_000 },
    });
  });

  it("stops reading an answer that does not end", async () => {
    let sent = 0;
    const block = Buffer.alloc(1024 * 1024, "z");
    const server = await serve((response) => {
      const more = (): void => {
        while (sent < 64 && !response.destroyed) {
          sent += 1;
          if (!response.write(block)) return void response.once("drain", more);
        }
        response.end();
      };
      more();
    });
    await expect(call({ endpoint: server.url })).rejects.toMatchObject({ code: "TOOL_RESULT_TOO_LARGE", details: {} });
    expect(sent).toBeLessThan(64);
  });

  it("gives up at its time-out, and at once where the call is aborted", async () => {
    const server = await serve((response) => void response.write('{"status":'));
    const spec = { endpoint: server.url, runtime: { timeout: "50ms" } };
    await expect(call(spec)).rejects.toMatchObject({ code: "TOOL_TIMEOUT", details: {} });
    const abort = new AbortController();
    const reason = new Error("lease lost");
    const other = await serve(() => abort.abort(reason));
    await expect(call({ endpoint: other.url }, { signal: abort.signal })).rejects.toBe(reason);
  });

  it("is not followed to another place, nor to a private address behind a name", async () => {
    const away = await serve((response) => void response.writeHead(307, { Location: "http://127.0.0.1:1/" }).end());
    await expect(call({ endpoint: away.url })).rejects.toMatchObject({ code: "REDIRECT_REFUSED" });
    const inside = { endpoint: `http://tool.example.com:${away.port}/` };
    const names = { "tool.example.com": "127.0.0.1" };
    await expect(call(inside, {}, { names })).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
    expect(away.asked).toHaveLength(1);
  });
});
