// What becomes of tasks whose MCP servers ask a person, and what people read of it.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { renderTrace } from "../../cli/view/trace.ts";
import { renderEventLine } from "../../cli/view/trace-line.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { hostileSpec, makeLog, packageSpec, type ServerLog } from "./mcp/servers.ts";
import { answerJson, serve } from "./tools/http-server.ts";
import { agent, chainVerdict, manifest, mockModel, openWorld, system, type World } from "./world.ts";

let server: TestRedis;
let world: World;
let log: ServerLog;

beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  world = openWorld(server.url);
  log = await makeLog();
});
afterEach(async () => {
  await world.close();
  await log.remove();
});

/** A task whose agent calls the tool once, and says what it heard. */
async function play(tool: string, args: Readonly<Record<string, unknown>>, provider: Manifest) {
  await world.runner();
  const script = [
    { turn: 1, call: [{ tool, arguments: args }] },
    { turn: 2, say: "{{last}}" },
  ];
  const manifests = [agent("a", { tools: [tool] }), system("one", ["a"]), mockModel("mock", script), provider];
  const ref = await world.start(manifests, "one");
  const task = await world.ended(ref);
  const events = await world.trace(ref);
  expect(await chainVerdict(world, ref)).toBe("intact");
  const verdict = { outcome: "intact", events: events.length, head: task.trace.head } as const;
  const plain = (_: unknown, text: string): string => text;
  const shown = renderTrace({ task, events, verdict, placeOf: () => undefined }, plain, 120);
  const lines = events.map((event) => renderEventLine(event, task.createdAt, plain)).join("\n");
  return { task, events, shown, lines };
}

it("a form is answered with its defaults, and stands in the trace with what it was told", async () => {
  const requestedSchema = { type: "object", properties: { size: { type: "string", default: "m" } } };
  const form = { message: "Which\u202e size?", requestedSchema };
  const shop = manifest("McpServer", "shop", { ...hostileSpec("asks", log.path, { elicitation: "defaults" }) });
  const { task, events, shown, lines } = await play("shop--echo-text", { form }, shop);
  expect(task.output?.["last_output"]).toBe('{"action":"accept","content":{"size":"m"}}');
  expect(events.find(({ type }) => type === "tool.elicited")).toMatchObject({
    activation: "a#1",
    step: "m1.c1",
    tool: "shop--echo-text",
    question: form.message,
    answer: "accept",
    content: { size: "m" },
  });
  expect(shown).toMatch(/ asked a person .* accept {2}\{"size":"m"\}\n +Which\\u\{202e\} size\?\n/);
  expect(lines).toMatch(/tool\.elicited .* answer=accept question=Which\\u\{202e\} size\? content=\{"size":"m"\}/);
});

it("a form of a server from npm that requires what nobody has said is declined", async () => {
  const spec = await packageSpec("@modelcontextprotocol/server-everything", ["stdio"]);
  const all = manifest("McpServer", "all", { ...spec, elicitation: "defaults" });
  const { task, events, shown } = await play("all--trigger-elicitation-request", {}, all);
  expect(task.output?.["last_output"]).toContain("declined");
  expect(events.find(({ type }) => type === "tool.elicited")).toMatchObject({
    question: "Please provide inputs for the following fields:",
    answer: "decline",
    why: "`name` is required and has no default",
  });
  expect(shown).toMatch(/ asked a person .* decline {2}`name` is required and has no default\n/);
});

it("a call that needs a person has failed for good, and says what could be done", async () => {
  const { url } = await serve((response, { body }) => {
    const { id, method } = JSON.parse(body) as { readonly id: number; readonly method: string };
    const complete = { resultType: "complete", ttlMs: 0, cacheScope: "private" };
    const serverInfo = { name: "s", version: "1" };
    const results: Readonly<Record<string, object>> = {
      "server/discover": { ...complete, supportedVersions: ["2026-07-28"], capabilities: { tools: {} }, serverInfo },
      "tools/list": { ...complete, tools: [{ name: "remove", inputSchema: { type: "object" } }] },
      "tools/call": {
        resultType: "input_required",
        inputRequests: { q: { method: "elicitation/create", params: { message: "Remove all?" } } },
      },
    };
    answerJson(response, 200, { jsonrpc: "2.0", id, result: results[method] });
  });
  const disk = manifest("McpServer", "disk", { transport: "http", endpoint: url });
  const { task, events, shown } = await play("disk--remove", {}, disk);
  const said =
    'McpServer default/disk did not answer the call of `remove`: it asks a person, and nobody is asked here: "Remove all?". `elicitation: defaults` of its McpServer answers forms that have defaults';
  expect(task.output?.["last_output"]).toBe(`MCP_INPUT_REQUIRED: ${said}`);
  expect(events.find(({ type }) => type === "tool.failed")).toMatchObject({
    code: "MCP_INPUT_REQUIRED",
    message: said,
    retryable: false,
    effectUnknown: false,
  });
  expect(shown).toMatch(/disk--remove .* failed: MCP_INPUT_REQUIRED\n/);
});
