// What becomes of tool calls that fail: tries by the manifest, and writes of which nobody knows whether they happened.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runResolve } from "../../cli/commands/resolve.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { TaskRecord, TaskRef } from "../../contracts/task.ts";
import { listen } from "../cli/listen.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { agent, chainVerdict, manifest, mockModel, openWorld, system, type World } from "./world.ts";

interface Call {
  readonly path: string;
  readonly key: string;
  readonly body: unknown;
}

let redis: TestRedis;
let world: World;
let http: Server;
let calls: Call[] = [];
/** Status and text, for the calls of each path in turn; the last answer stands for all further ones. */
let answers: Readonly<Record<string, readonly (readonly [number, string])[]>> = {};

beforeAll(async () => {
  redis = await testRedis();
  http = createServer(
    (request, response) => void answer(request).then(([status, text]) => response.writeHead(status).end(text)),
  );
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
});
afterAll(async () => {
  http.closeAllConnections();
  http.close();
  await redis.stop();
});
beforeEach(() => {
  calls = [];
  world = openWorld(redis.url);
});
afterEach(() => world.close());

async function answer(request: IncomingMessage): Promise<readonly [number, string]> {
  const path = (request.url ?? "").slice(1);
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const nth = calls.filter((call) => call.path === path).length;
  const key = String(request.headers["idempotency-key"]);
  calls.push({ path, key, body: JSON.parse(Buffer.concat(chunks).toString()) });
  const given = answers[path] ?? [];
  return given[Math.min(nth, given.length - 1)] ?? [404, "unknown"];
}

function tool(name: string, spec: Readonly<Record<string, unknown>>): Manifest {
  const endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}/${name}`;
  return manifest("Tool", name, { type: "http", endpoint, ...spec });
}

/** The agent calls `pay` once, and says what it read. */
async function pay(spec: Readonly<Record<string, unknown>>, more: readonly Manifest[] = []): Promise<TaskRef> {
  await world.runner();
  const script = [
    { turn: 1, call: [{ tool: "pay", arguments: { amount: 7 } }] },
    { turn: 2, say: "read {{last}}" },
  ];
  const manifests = [agent("a", { tools: ["pay"] }), system("one", ["a"]), mockModel("mock", script)];
  return world.start([...manifests, tool("pay", spec), ...more], "one");
}

const rested = ({ phase }: TaskRecord): boolean => phase === "Unknown" || phase === "Succeeded" || phase === "Failed";
const paths = (): string => calls.map(({ path }) => path).join(" ");
const tries = { runtime: { retry: { max_attempts: 3, backoff: "1ms" } } };

describe("a tool call that fails", () => {
  it.each(["read", "idempotent"])(
    "is tried again where its effect is %s: each try gated, all with one key",
    async (effect) => {
      answers = {
        pay: [
          [503, "busy"],
          [503, "busy"],
          [200, "paid"],
        ],
      };
      const ref = await pay({ effect, ...tries });
      expect((await world.until(ref, rested)).output?.["last_output"]).toBe("read paid");
      expect(paths()).toBe("pay pay pay");
      expect(new Set(calls.map(({ key }) => key)).size).toBe(1);
      const events = await world.trace(ref);
      const told = events.filter(({ type }) => /^tool|^retry/.test(type)).map(({ type, step }) => `${type} ${step}`);
      expect(told.filter((line) => line.startsWith("tool.decided"))).toEqual(
        ["", ".r1", ".r2"].map((r) => `tool.decided m1.c1${r}`),
      );
      expect(told.filter((line) => line.startsWith("retry"))).toEqual([
        "retry.scheduled m1.c1",
        "retry.scheduled m1.c1.r1",
      ]);
      expect(await chainVerdict(world, ref)).toBe("intact");
    },
  );

  it("is an answer to the model once its tries are spent", async () => {
    answers = { pay: [[503, "busy"]] };
    const task = await world.until(await pay({ effect: "read", ...tries }), rested);
    expect(task.output?.["last_output"]).toContain("TOOL_UNAVAILABLE");
    expect(paths()).toBe("pay pay pay");
  });

  it("is not tried again without a word of its manifest, nor where the tool itself says no", async () => {
    answers = { pay: [[503, "busy"]] };
    await world.until(await pay({ effect: "read" }), rested);
    expect(paths()).toBe("pay");
    answers = { pay: [[422, "no such account"]] };
    const task = await world.until(await pay({ effect: "read", ...tries }), rested);
    expect(task.output?.["last_output"]).toContain("no such account");
    expect(paths()).toBe("pay pay");
  });

  it("is never tried again where it is a write that may have happened", async () => {
    answers = { pay: [[503, "busy"]] };
    const task = await world.until(await pay({ effect: "write", ...tries }), rested);
    expect([task.phase, task.lastError?.code, paths()]).toEqual(["Unknown", "EFFECT_UNKNOWN", "pay"]);
  });

  it.each([
    ["retry", "Succeeded", "pay pay"],
    ["fail", "Failed", "pay"],
  ])("and is such a write follows `on_unknown: %s`", async (rule, phase, called) => {
    answers = {
      pay: [
        [503, "busy"],
        [200, "paid"],
      ],
    };
    const task = await world.until(await pay({ effect: "write", on_unknown: rule }), rested);
    expect([task.phase, paths()]).toEqual([phase, called]);
  });
});

describe("a write of type external", () => {
  it.each([
    ["rate_limited", "Succeeded", "pay pay"],
    ["execution_failed", "Unknown", "pay"],
  ])("that fails with `%s` and may be tried again ends as %s", async (code, phase, called) => {
    const failed = JSON.stringify({ status: "error", error: { code, retryable: true } });
    answers = {
      pay: [
        [200, failed],
        [200, JSON.stringify({ status: "ok", output: "paid" })],
      ],
    };
    const task = await world.until(await pay({ type: "external", effect: "write", ...tries }), rested);
    expect([task.phase, paths()]).toEqual([phase, called]);
    expect(calls[0]?.body).toMatchObject({ task_id: "default/task-1", agent: "a", input: { amount: 7 } });
    expect(calls.map(({ body }) => (body as { request_id: string }).request_id)).toEqual(calls.map(({ key }) => key));
  });
});

describe("a write with a verify tool whose result is unknown", () => {
  const verified = { effect: "write", verify: "paid" };

  it("has happened where the verify tool says so: its result is reused, and it is never called again", async () => {
    answers = { pay: [[503, "busy"]], paid: [[200, JSON.stringify({ happened: true, result: { receipt: 41 } })]] };
    const ref = await pay(verified, [tool("paid", { effect: "read" })]);
    expect((await world.until(ref, rested)).output?.["last_output"]).toBe('read {"receipt":41}');
    expect(paths()).toBe("pay paid");
    const key = calls[0]?.key;
    expect(calls[1]?.body).toEqual({ tool: "pay", arguments: { amount: 7 }, idempotency_key: key });
    expect(calls[1]?.key).not.toBe(key);
    const events = await world.trace(ref);
    expect(events.filter(({ step }) => step === "m1.c1.v1").map(({ type }) => type)).toEqual([
      "tool.decided",
      "tool.called",
      "tool.answered",
    ]);
    const word = { about: "unknown-effect", answer: "done", by: "tool paid", step: "m1.c1" };
    expect(events.find(({ type }) => type === "approval.decided")).toMatchObject(word);
    expect(await chainVerdict(world, ref)).toBe("intact");
  });

  it("is called again, with the same key, where the verify tool says that it has not happened", async () => {
    answers = {
      pay: [
        [503, "busy"],
        [200, "paid"],
      ],
      paid: [[200, '{"happened":false}']],
    };
    const ref = await pay(verified, [tool("paid", { effect: "read" })]);
    expect((await world.until(ref, rested)).output?.["last_output"]).toBe("read paid");
    expect(paths()).toBe("pay paid pay");
    expect(calls[2]?.key).toBe(calls[0]?.key);
  });

  it.each([
    ["does not know", [200, '{"happened":null}'], "does not know"],
    ["answers something else", [200, "yes"], "no JSON object"],
    ["fails", [500, "broken"], "TOOL_UNAVAILABLE"],
    ["refuses", [400, "what?"], "what?"],
  ] as const)("waits for a person where the verify tool %s", async (_what, given, why) => {
    answers = { pay: [[503, "busy"]], paid: [given] };
    const task = await world.until(await pay(verified, [tool("paid", { effect: "read" })]), rested);
    expect(task.phase).toBe("Unknown");
    expect(task.lastError?.message).toContain(why);
    expect(paths()).toBe("pay paid");
  });

  it("goes on with what a person says of it, and the trace keeps the word and whose it is", async () => {
    answers = { pay: [[503, "busy"]] };
    const ref = await pay({ effect: "write" });
    await world.until(ref, rested);
    const { host, out } = listen(tmpdir());
    const flags = { env: world.env, redis: redis.url, output: "text" as const, verbose: false, task: ref.name };
    const word = { done: true, result: "receipt 41", retry: false, fail: false, as: "ada" };
    expect(await runResolve(host, { ...flags, ...word })).toBe(0);
    expect(out()).toBe(`${ref.name} goes on\n`);
    expect((await world.ended(ref)).output?.["last_output"]).toBe("read receipt 41");
    expect(paths()).toBe("pay");
    const said = (await world.trace(ref)).find(({ type }) => type === "approval.decided");
    expect(said).toMatchObject({
      about: "unknown-effect",
      answer: "done",
      by: "ada",
      step: "m1.c1",
      activation: "a#1",
    });
    expect(said?.["resultDigest"]).toMatch(/^sha256:/);
    expect(await chainVerdict(world, ref)).toBe("intact");
  });

  it("waits for a person where policy denies the verify tool, which is then not called", async () => {
    answers = { pay: [[503, "busy"]], paid: [[200, '{"happened":false}']] };
    const blocked = manifest("AgentPolicy", "no", { apply_mode: "global", blocked_tools: ["paid"] });
    const task = await world.until(await pay(verified, [tool("paid", { effect: "read" }), blocked]), rested);
    expect([task.phase, paths()]).toEqual(["Unknown", "pay"]);
    expect(task.lastError?.message).toContain("TOOL_BLOCKED");
  });

  it("does not lend its verify tool to the model", async () => {
    answers = { paid: [[200, '{"happened":false}']] };
    await world.runner();
    const script = [{ turn: 1, call: [{ tool: "paid", arguments: {} }] }];
    const manifests = [agent("a", { tools: ["pay"] }), system("one", ["a"]), mockModel("mock", script)];
    const ref = await world.start([...manifests, tool("pay", verified), tool("paid", { effect: "read" })], "one");
    const task = await world.until(ref, rested);
    expect([task.phase, task.lastError?.code, paths()]).toEqual(["Failed", "TOOL_NOT_LISTED", ""]);
  });
});
