// Questions of servers to a person, by either revision: what is answered, who is told, and when there is no answer at all.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Elicited, NoteElicited } from "../../../contracts/elicited.ts";
import { ElicitationDesk } from "../../../runner/mcp/elicitation.ts";
import type { McpClient } from "../../../runner/mcp/mcp-client.ts";
import { McpSupervisor } from "../../../runner/mcp/supervisor.ts";
import { answerJson, serve } from "../tools/http-server.ts";
import { allGone, hostileSpec, makeLog, never, planFor, type ServerLog, serverSpec } from "./servers.ts";

const SCHEMA = { type: "object", properties: { size: { type: "string", enum: ["s", "m"], default: "m" } } };
const FORM = { message: "Which size?", requestedSchema: SCHEMA };
const BARE = { message: "Delete all?", requestedSchema: { type: "object", properties: { ok: { type: "boolean" } } } };
const URL_MODE = { mode: "url", message: "Sign in", url: "https://evil.example/", elicitationId: "1" };

let log: ServerLog;
const clients: McpClient[] = [];

beforeEach(async () => {
  log = await makeLog();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close("now")));
  await allGone(log);
  await log.remove();
});

async function connect(spec: Parameters<typeof planFor>[0]): Promise<McpClient> {
  const client = await (await planFor(spec)).connect(never());
  clients.push(client);
  return client;
}

interface Asked {
  readonly noted: readonly Elicited[];
  readonly note: NoteElicited;
}

function notebook(): Asked {
  const noted: Elicited[] = [];
  return { noted, note: async (elicited) => void noted.push(elicited) };
}

function call(
  of: McpClient,
  note: NoteElicited | undefined,
  args: Readonly<Record<string, unknown>> = {},
  more: { readonly name?: string; readonly timeoutMs?: number } = {},
) {
  const { name = "echo_text", timeoutMs = 10_000 } = more;
  return of.callTool(name, args, { signal: never(), timeoutMs, idempotencyKey: "k", noteElicited: note });
}

/** Of 2025-11-25: what it heard to what it asked. */
async function heard(elicitation: string | undefined, form: object, note: NoteElicited | undefined, times = 1) {
  const client = await connect(hostileSpec("asks", log.path, elicitation === undefined ? {} : { elicitation }));
  return JSON.parse((await call(client, note, { form, times })).text) as unknown;
}

test("a server that was not told otherwise is told that nobody can be asked, and is not answered", async () => {
  const { note, noted } = notebook();
  expect(await heard(undefined, FORM, note)).toEqual({ refused: "Method not found" });
  expect((await log.lines()).find((line) => line.startsWith("capabilities"))).toBe("capabilities {}");
  expect(noted).toEqual([]);
});

test("a form is answered with its defaults, once that is written down", async () => {
  const { note, noted } = notebook();
  expect(await heard("defaults", FORM, note)).toEqual({ action: "accept", content: { size: "m" } });
  expect((await log.lines()).find((line) => line.startsWith("capabilities"))).toBe(
    'capabilities {"elicitation":{"form":{}}}',
  );
  expect(noted).toEqual([{ question: "Which size?", answer: "accept", content: { size: "m" } }]);
});

test("a form that only wants to be agreed to is declined", async () => {
  const { note, noted } = notebook();
  expect(await heard("defaults", BARE, note)).toEqual({ action: "decline" });
  expect(noted).toEqual([{ question: "Delete all?", answer: "decline", why: "no field of it has a default" }]);
});

test("a page to be opened is refused", async () => {
  const { note, noted } = notebook();
  expect(await heard("defaults", URL_MODE, note)).toEqual({
    refused: expect.stringContaining("does not support URL-mode") as string,
  });
  expect(noted).toEqual([]);
});

test("what cannot be written down is not answered", async () => {
  const lost = (): Promise<void> => Promise.reject(new Error("the lease of task secret-merger is lost"));
  expect(await heard("defaults", FORM, lost)).toEqual({ action: "cancel" });
});

test("a call that nobody keeps a trace of is not answered for", async () => {
  expect(await heard("defaults", FORM, undefined)).toEqual({ action: "decline" });
  expect(await new ElicitationDesk().answer("Which size?", SCHEMA)).toEqual({ action: "decline" });
});

test("where two calls are under way each hears that there was a question, and neither what was in it", async () => {
  const client = await connect(hostileSpec("asks", log.path, { elicitation: "defaults" }));
  const [asks, hangs] = [notebook(), notebook()];
  const hanging = call(client, hangs.note, {}, { name: "write", timeoutMs: 30_000 });
  hanging.catch(() => undefined);
  await vi.waitUntil(async () => (await log.lines()).some((line) => line.startsWith("call write")), 5_000);
  const { text } = await call(client, asks.note, { form: FORM });
  expect(JSON.parse(text)).toEqual({ action: "accept", content: { size: "m" } });
  expect([asks.noted, hangs.noted]).toEqual([[{ answer: "accept", among: 2 }], [{ answer: "accept", among: 2 }]]);
});

/** A server of 2026-07-28, by hand: its SDK would not let it ask what its client cannot answer. */
async function serveRounds(rounds: readonly object[]) {
  const calls: Readonly<Record<string, unknown>>[] = [];
  let discovered = 0;
  const server = await serve((response, { body }) => {
    const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: (typeof calls)[number] };
    const complete = { resultType: "complete", ttlMs: 0, cacheScope: "private" };
    const info = {
      supportedVersions: ["2026-07-28"],
      capabilities: { tools: {} },
      serverInfo: { name: "s", version: "1" },
    };
    if (method === "tools/call") calls.push(params);
    if (method === "server/discover") discovered += 1;
    const result =
      method === "server/discover"
        ? { ...complete, ...info }
        : method === "tools/list"
          ? { ...complete, tools: [{ name: "echo_text", inputSchema: { type: "object" } }] }
          : (rounds[Math.min(calls.length, rounds.length) - 1] ?? {});
    answerJson(response, 200, { jsonrpc: "2.0", id, result });
  });
  return {
    calls,
    discovered: () => discovered,
    spec: { transport: "http", endpoint: `${server.url}/mcp`, protocol: "2026-07-28" },
  };
}

const asks = (params: object, more: object = {}) => ({
  resultType: "input_required",
  inputRequests: { q: { method: "elicitation/create", params } },
  ...more,
});
const DONE = { resultType: "complete", content: [{ type: "text", text: "done" }] };
/** What a careless client would change: it is JSON, and it is not. */
const STATE = ' {"a": 1.0, "a":2}\u0000é\ud83d\ude00 ';

test("2026-07-28: answers each round, sends the state as it came or none, and everything else as it was", async () => {
  const later = { resultType: "input_required", requestState: "later" };
  const { calls, spec } = await serveRounds([asks(FORM, { requestState: STATE }), asks(BARE), later, DONE]);
  const { note, noted } = notebook();
  const client = await connect(serverSpec({ ...spec, elicitation: "defaults" }));
  expect(await call(client, note, { text: "x" })).toEqual({ text: "done", isError: false });
  const told = calls.map(({ inputResponses, requestState }) => ({ inputResponses, requestState }));
  expect(told).toEqual([
    {},
    { inputResponses: { q: { action: "accept", content: { size: "m" } } }, requestState: STATE },
    { inputResponses: { q: { action: "decline" } } },
    { requestState: "later" },
  ]);
  for (const params of calls) {
    expect(params).toMatchObject({ name: "echo_text", arguments: { text: "x" } });
    expect(params["_meta"]).toMatchObject({
      "countwheel.dev/idempotency-key": "k",
      "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } },
    });
  }
  expect(noted.map(({ answer }) => answer)).toEqual(["accept", "decline"]);
});

test("2026-07-28: comes again where it is only told to, whoever may be asked", async () => {
  const { calls, spec } = await serveRounds([{ resultType: "input_required", requestState: "s" }, DONE]);
  expect(await call(await connect(serverSpec(spec)), undefined)).toEqual({ text: "done", isError: false });
  expect(calls).toHaveLength(2);
  expect(calls[1]?.["_meta"]).toMatchObject({ "io.modelcontextprotocol/clientCapabilities": {} });
});

test("2026-07-28: a question to a person fails the call, and says how it could be answered", async () => {
  const { calls, spec } = await serveRounds([asks(FORM)]);
  await expect(call(await connect(serverSpec(spec)), notebook().note)).rejects.toMatchObject({
    name: "PermanentFailure",
    code: "MCP_INPUT_REQUIRED",
    message:
      'McpServer default/fixture did not answer the call of `echo_text`: it asks a person, and nobody is asked here: "Which size?". `elicitation: defaults` of its McpServer answers forms that have defaults',
  });
  expect(calls).toHaveLength(1);
});

test.each([
  ["a page", asks(URL_MODE), "`elicitation/create (url)`"],
  [
    "a model",
    { resultType: "input_required", inputRequests: { q: { method: "sampling/createMessage" } } },
    "`sampling/createMessage`",
  ],
  ["folders", { resultType: "input_required", inputRequests: { q: { method: "roots/list" } } }, "`roots/list`"],
  ["nothing that is known", { resultType: "input_required", inputRequests: { q: null } }, "`nothing`"],
])("2026-07-28: a call that asks for %s fails", async (_, round, named) => {
  const { spec } = await serveRounds([round]);
  const client = await connect(serverSpec({ ...spec, elicitation: "defaults" }));
  await expect(call(client, notebook().note)).rejects.toMatchObject({
    code: "MCP_INPUT_REQUIRED",
    message: expect.stringContaining(`it asks for ${named}, which no server gets here`) as string,
  });
});

test("2026-07-28: a server that asked in vain is kept for the next call", async () => {
  const { calls, discovered, spec } = await serveRounds([asks(FORM)]);
  const supervisor = new McpSupervisor();
  const handle = await supervisor.acquire(await planFor(serverSpec(spec)), never());
  const options = { signal: never(), timeoutMs: 10_000, idempotencyKey: "k" };
  for (const _ of [1, 2]) {
    await expect(handle.call("echo_text", {}, options)).rejects.toMatchObject({ code: "MCP_INPUT_REQUIRED" });
  }
  await supervisor.close();
  expect([calls.length, discovered()]).toEqual([2, 1]);
});

test("2026-07-28: a call that never stops asking fails after ten rounds", async () => {
  const { calls, spec } = await serveRounds([asks(FORM)]);
  const client = await connect(serverSpec({ ...spec, elicitation: "defaults" }));
  await expect(call(client, notebook().note)).rejects.toMatchObject({
    code: "MCP_INPUT_REQUIRED",
    message: "McpServer default/fixture did not answer the call of `echo_text`: it asked for more 10 times",
  });
  expect(calls.length).toBeLessThanOrEqual(11);
});

test("2026-07-28: all rounds of a call have its time together", async () => {
  const { spec } = await serveRounds([{ resultType: "input_required", requestState: "s" }]);
  await expect(call(await connect(serverSpec(spec)), undefined, {}, { timeoutMs: 100 })).rejects.toMatchObject({
    code: "MCP_TIMEOUT",
  });
});
