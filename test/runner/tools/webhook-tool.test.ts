// Tools of type webhook-callback: a real tool over HTTP, a real listener for its answers, a real Redis between them.
import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { addressOf } from "../../../contracts/address.ts";
import type { Manifest } from "../../../contracts/manifest.ts";
import { answerToolCallback } from "../../../reconciler/triggers/callbacks/answer-callback.ts";
import type { HookDesk } from "../../../reconciler/triggers/hooks/answer-hook.ts";
import { type Listener, startListener } from "../../../reconciler/triggers/webhook-listener.ts";
import { type Callbacks, openCallbacks } from "../../../runner/tools/callbacks.ts";
import { callWebhookTool } from "../../../runner/tools/http/webhook-tool.ts";
import type { ToolCallContext } from "../../../runner/tools/tool.ts";
import type { Redis } from "../../../store/connect.ts";
import { callbackKey } from "../../../store/keys.ts";
import { describeWithRedis, type TestRedis, withRedis } from "../../redis.ts";
import { agent, manifest, mockModel, openWorld, system } from "../world.ts";
import { answerJson, type LoopbackServer, serve } from "./http-server.ts";
import { callContext, contractSource } from "./remote-source.ts";

type Spec = Readonly<Record<string, unknown>>;

const AUTH = { profile: "hmac", secret_ref: "sign", signature_header: "X-Signed" };
const TOOL = addressOf({ kind: "Tool", namespace: "default", name: "orders.find" });
const OK = { status: "ok", output: "done" };

describeWithRedis("a tool of type webhook-callback", () => {
  let server: TestRedis;
  let redis: Redis;
  let listener: Listener;
  let env: string;
  let heard: Callbacks;
  let asked: Callbacks;

  withRedis((opened, on) => {
    [redis, server] = [opened, on];
  });
  beforeEach(async () => {
    env = `t${randomUUID().slice(0, 8)}`;
    const desk = {
      maker: { redis, env, now: () => new Date() },
      state: { read: () => Promise.resolve({ records: new Map() }) },
      resolveSecret: () => Promise.resolve("s1gn"),
      emit: () => undefined,
    } as unknown as HookDesk;
    const onCallback = (path: string, request: Parameters<typeof answerToolCallback>[2]) =>
      answerToolCallback(desk, path.slice(path.indexOf("/") + 1), request);
    listener = await startListener({
      host: "127.0.0.1",
      port: 0,
      secrets: ["unused"],
      onLook: () => undefined,
      onCallback,
    });
    heard = openCallbacks(redis, env, new URL(listener.url));
    asked = openCallbacks(redis, env, undefined);
  });
  afterEach(() => listener.stop());

  function call(spec: Spec, callbacks: Callbacks, context: Partial<ToolCallContext> = {}) {
    const idempotencyKey = randomBytes(16).toString("hex");
    const whole = { type: "webhook-callback", runtime: { timeout: "20s" }, ...spec };
    return callWebhookTool(
      { ...contractSource(whole), callbacks },
      { query: "bells" },
      callContext({ idempotencyKey, ...context }),
    );
  }

  /** Takes every call, and tells where its answer is wanted. */
  async function taker(status = 202) {
    const places: ((place: { url: string; request: string }) => void)[] = [];
    const place = new Promise<{ url: string; request: string }>((resolve) => void places.push(resolve));
    const tool = await serve((response, { method, body }) => {
      if (method === "POST") {
        const { callback_url: url, request_id: request } = JSON.parse(body);
        places[0]?.({ url, request });
      }
      response.writeHead(method === "POST" ? status : 404).end();
    });
    return { tool, place };
  }

  async function send(url: string, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(url, { method: "POST", body: text, headers });
    return [response.status, await response.json()];
  }

  const signed = (body: unknown) => ({
    "X-Signed": `sha256=${createHmac("sha256", "s1gn").update(JSON.stringify(body)).digest("hex")}`,
  });

  const posts = ({ asked: all }: LoopbackServer) => all.filter(({ method }) => method === "POST").length;

  it("is sent where to send its answer, and returns the one that comes; Redis never holds the token", async () => {
    const { tool, place } = await taker();
    const result = call({ endpoint: tool.url, callback: { poll_interval: "5ms" } }, heard);
    const { url, request } = await place;
    const token = url.split("/").at(-1) ?? "";
    expect(url).toBe(`${listener.url}/callbacks/${env}/${request}/${token}`);
    expect(JSON.stringify(await redis.hgetall(callbackKey(env, request)))).not.toContain(token);
    // It has no place at which it could be asked.
    while (tool.asked.length < 2) await new Promise(setImmediate);
    expect(await send(url, OK)).toEqual([202, { taken: true }]);
    expect(await result).toEqual({ text: "done", isError: false });
    expect(await redis.pttl(callbackKey(env, request))).toBeLessThanOrEqual(600_000);
  });

  it("is asked for its answer, with its credentials, until it has one", async () => {
    let polls = 0;
    const tool = await serve((response, { method }) => {
      if (method === "POST") return answerJson(response, 202, {});
      polls += 1;
      if (polls === 1) return answerJson(response, 202, { status: "pending" });
      if (polls === 2) return answerJson(response, 503, {});
      if (polls === 3) return answerJson(response, 200, { status: "pending" });
      return answerJson(response, 200, OK);
    });
    const spec = { endpoint: `${tool.url}/jobs/`, callback: { poll_interval: "10ms" }, auth: { secret_ref: "key" } };
    expect((await call(spec, asked)).text).toBe("done");
    const [first, ...others] = tool.asked;
    const request = JSON.parse(first?.body ?? "").request_id;
    expect(JSON.parse(first?.body ?? "")).not.toHaveProperty("callback_url");
    expect(others.map(({ method, path, headers }) => `${method} ${path} ${headers.authorization}`)).toEqual(
      Array.from({ length: 4 }, () => `GET /jobs/${request} Bearer s3cret`),
    );
  });

  it("may answer at once", async () => {
    const tool = await serve((response) => answerJson(response, 200, OK));
    expect((await call({ endpoint: tool.url }, heard)).text).toBe("done");
    const no = await serve((response) => answerJson(response, 422, { no: true }));
    expect(await call({ endpoint: no.url }, heard)).toMatchObject({ isError: true, text: 'HTTP 422\n{"no":true}' });
  });

  it("fails where it took the call and does not know of it, or does not answer in time: both may have happened", async () => {
    const { tool } = await taker();
    const lost = call({ endpoint: tool.url, callback: { poll_interval: "10ms" } }, asked);
    await expect(lost).rejects.toMatchObject({ name: "TransientFailure", code: "TOOL_ANSWER_LOST", details: {} });
    const late = await taker();
    const call2 = call({ endpoint: late.tool.url, runtime: { timeout: "300ms" } }, heard);
    await expect(call2).rejects.toMatchObject({ name: "TransientFailure", code: "TOOL_TIMEOUT", details: {} });
    const { url } = await late.place;
    expect(await send(url, OK)).toEqual([410, { error: "nobody waits for this answer any more" }]);
  });

  it("does not let a refused question pass for a call that never happened", async () => {
    const tool = await serve((response, { method }) => answerJson(response, method === "POST" ? 202 : 403, {}));
    const refused = call({ endpoint: tool.url, callback: { poll_interval: "10ms" } }, asked);
    await expect(refused).rejects.toMatchObject({ name: "TransientFailure", code: "TOOL_AUTH" });
  });

  it("is believed once, in time, by its token and its signature, and told exactly why not", async () => {
    const { tool, place } = await taker();
    const result = call({ endpoint: tool.url, callback: { auth: AUTH } }, heard);
    const { url, request } = await place;
    const forged = url.replace(/[^/]+$/, "A".repeat(43));
    const unknown = { error: "there is no such call" };
    const unsigned = { error: "the signature is missing or wrong, or too old" };
    const bad = { status: "fine" };
    const other = { ...OK, request_id: "0".repeat(32) };
    const rows: [string, unknown, Readonly<Record<string, string>>, unknown][] = [
      [forged, OK, signed(OK), [404, unknown]],
      [`${url}x`, OK, signed(OK), [404, unknown]],
      [url.replace(request, "0".repeat(32)), OK, signed(OK), [404, unknown]],
      [url, "z".repeat(5 * 1024 * 1024), {}, [413, { error: "send at most 4194304 bytes" }]],
      [url, OK, {}, [401, unsigned]],
      [url, OK, signed({ ...OK, output: "other" }), [401, unsigned]],
      [url, bad, signed(bad), [422, { error: "`status` must be one of ok,error,denied,pending" }]],
      [url, other, signed(other), [422, { error: "its `request_id` is that of another call" }]],
      [url, { status: "pending" }, signed({ status: "pending" }), [202, { taken: false, pending: true }]],
    ];
    for (const [to, body, headers, answer] of rows) expect(await send(to, body, headers)).toEqual(answer);
    expect((await fetch(url)).status).toBe(405);
    expect(await redis.hget(callbackKey(env, request), "state")).toBe("accepted");
    expect(await send(url, OK, signed(OK))).toEqual([202, { taken: true }]);
    const second = { ...OK, output: "changed" };
    expect(await send(url, OK, signed(OK))).toEqual([202, { taken: true, duplicate: true }]);
    expect(await send(url, second, signed(second))).toEqual([409, { error: "another answer was taken before" }]);
    expect((await result).text).toBe("done");
  });

  it("is not posted to again by a takeover that finds the call taken, which waits for the same answer", async () => {
    const { tool, place } = await taker();
    const first = new AbortController();
    const idempotencyKey = randomBytes(16).toString("hex");
    const lost = call({ endpoint: tool.url }, heard, { idempotencyKey, signal: first.signal });
    const { url } = await place;
    while ((await redis.hget(callbackKey(env, idempotencyKey), "state")) !== "accepted") await Promise.resolve();
    first.abort(new Error("the lease is gone"));
    await expect(lost).rejects.toThrow("the lease is gone");
    const second = call({ endpoint: tool.url }, heard, { idempotencyKey });
    expect(await send(url, OK)).toEqual([202, { taken: true }]);
    expect((await second).text).toBe("done");
    expect((await call({ endpoint: tool.url }, heard, { idempotencyKey, resumes: true })).text).toBe("done");
    expect(posts(tool)).toBe(1);
  });

  it("is posted to again for a call that may be repeated, and not for one that is only waited for", async () => {
    const idempotencyKey = randomBytes(16).toString("hex");
    await heard.begin(idempotencyKey, 300, { tool: TOOL, auth: null });
    const { tool } = await taker();
    const waits = call({ endpoint: tool.url }, heard, { idempotencyKey, resumes: true });
    await expect(waits).rejects.toMatchObject({ code: "TOOL_TIMEOUT" });
    expect(posts(tool)).toBe(0);
    await expect(call({ endpoint: tool.url }, heard, { idempotencyKey, resumes: true })).rejects.toMatchObject({
      code: "TOOL_TIMEOUT",
    });
    const again = await taker(200);
    await heard.begin(idempotencyKey, 20_000, { tool: TOOL, auth: null });
    await expect(call({ endpoint: again.tool.url }, heard, { idempotencyKey })).rejects.toMatchObject({
      code: "TOOL_ANSWER_INVALID",
    });
    expect(posts(again.tool)).toBe(1);
  });

  it("begins anew after an answer that is a failure which may pass, and takes none for the try before", async () => {
    const busy = { status: "error", error: { code: "rate_limited", retryable: true } };
    const [first, second] = [await taker(), await taker()];
    const idempotencyKey = randomBytes(16).toString("hex");
    const failed = call({ endpoint: first.tool.url }, heard, { idempotencyKey });
    const { url } = await first.place;
    await send(url, busy);
    await expect(failed).rejects.toMatchObject({ code: "TOOL_UNAVAILABLE", details: { effect: "none" } });
    expect((await send(url, OK))[0]).toBe(410);
    const again = call({ endpoint: second.tool.url }, heard, { idempotencyKey });
    const { url: now } = await second.place;
    expect([(await send(url, OK))[0], (await send(now, OK))[0]]).toEqual([404, 202]);
    expect((await again).text).toBe("done");
  });

  it("takes no answer once its time is over, whoever waits", async () => {
    const idempotencyKey = randomBytes(16).toString("hex");
    const { place } = await heard.begin(idempotencyKey, 1, { tool: TOOL, auth: null });
    while ((await heard.read(idempotencyKey)).state !== "over") await Promise.resolve();
    expect((await send(place?.url ?? "", OK))[0]).toBe(410);
    expect(await heard.read(idempotencyKey)).toEqual({ state: "over" });
  });

  it("survives the runner that called it: a write is posted once, and its answer is the task's", async () => {
    const world = openWorld(server.url);
    let isReady = false;
    const tool = await serve((response, { method }) => {
      if (method === "GET" && isReady) answerJson(response, 200, { status: "ok", output: "paid" });
      else answerJson(response, 202, {});
    });
    const script = [
      { turn: 1, call: [{ tool: "pay", arguments: { amount: 7 } }] },
      { turn: 2, say: "read {{last}}" },
    ];
    const pay = {
      type: "webhook-callback",
      endpoint: tool.url,
      effect: "write",
      callback: { poll_interval: "20ms" },
      runtime: { timeout: "60s" },
    };
    const set: Manifest[] = [agent("a", { tools: ["pay"] }), system("one", ["a"]), mockModel("mock", script)];
    try {
      const child = await world.child("first");
      const ref = await world.start([...set, manifest("Tool", "pay", pay)], "one", { maxAttempts: 3 });
      await world.until(ref, () => tool.asked.some(({ method }) => method === "GET"));
      child.process.kill("SIGKILL");
      await child.exited;
      isReady = true;
      await world.runner();
      expect((await world.ended(ref)).output?.["last_output"]).toBe("read paid");
      expect(posts(tool)).toBe(1);
      const called = (await world.trace(ref)).filter(({ type }) => type === "tool.called");
      expect(called.map(({ resumes }) => resumes)).toEqual([undefined, true]);
    } finally {
      await world.close();
    }
  });
});
