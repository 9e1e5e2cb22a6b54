// MCP servers as runners use them: the first call of one that does not run yet, calls of one that runs, twenty first calls at
// once, and what a result of 50 MB costs. The servers are those of npm, and one of ours that sends too much.
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { ToolSpec } from "../contracts/kinds/tool.ts";
import { openArtifacts } from "../runner/artifacts/open-artifacts.ts";
import { shorten } from "../runner/gate/overflow.ts";
import { createRedactor } from "../runner/gate/redact.ts";
import type { ServerPlan } from "../runner/mcp/server-plan.ts";
import { McpSupervisor } from "../runner/mcp/supervisor.ts";
import { resolveHost } from "../runner/tools/checked-request.ts";
import { callHttpTool } from "../runner/tools/http/http-tool.ts";
import { OAuthTokens } from "../runner/tools/oauth-tokens.ts";
import type { ToolAnswer } from "../runner/tools/tool.ts";
import { closeRedis, connectRedis } from "../store/connect.ts";
import { taskKeys } from "../store/keys.ts";
import { never, packageSpec, planFor, secretsWith, serverSpec } from "../test/runner/mcp/servers.ts";
import { median, printFigure } from "./measure.ts";
import { withPrivateRedis } from "./private-redis.ts";

const COLD = 9;
const WARM = 300;
const MIB = 1024 * 1024;
const LARGE = 50 * MIB;
const LIMITS = { timeoutMs: 20_000, idempotencyKey: "k" };

const LARGE_SERVER = `
import { createInterface } from "node:readline";
const send = (id, result) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, result }) + "\\n");
createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === "initialize")
    send(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "l", version: "1" } });
  if (method === "tools/list") send(id, { tools: [{ name: "large", inputSchema: { type: "object" } }] });
  if (method === "tools/call") send(id, { content: [{ type: "text", text: "x".repeat(${LARGE}) }] });
});
`;

const folder = await mkdtemp(join(tmpdir(), "cw-bench-mcp-"));
try {
  const plan = await planFor(await packageSpec("@modelcontextprotocol/server-memory", []));
  await coldCalls(plan);
  await warmCalls(plan);
  await startsOfTwenty(plan);
  await largeResults();
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function coldCalls(plan: ServerPlan): Promise<void> {
  const times: number[] = [];
  for (let run = 0; run <= COLD; run += 1) {
    const begunMs = performance.now();
    const mcp = new McpSupervisor();
    const handle = await mcp.acquire(plan, never());
    await handle.call("read_graph", {}, { ...LIMITS, signal: never() });
    // The first run reads the SDK, which a runner does once.
    if (run > 0) times.push(performance.now() - begunMs);
    handle.release();
    await mcp.close();
  }
  printFigure({
    name: "first call of server-memory, which does not run yet",
    unit: "ms",
    value: median(times),
    runs: COLD,
  });
}

async function warmCalls(plan: ServerPlan): Promise<void> {
  const mcp = new McpSupervisor();
  const handle = await mcp.acquire(plan, never());
  const times: number[] = [];
  for (let call = 0; call < WARM; call += 1) {
    const begunMs = performance.now();
    await handle.call("read_graph", {}, { ...LIMITS, signal: never() });
    times.push(performance.now() - begunMs);
  }
  handle.release();
  await mcp.close();
  const note = "its own work included";
  printFigure({ name: "call of server-memory, which runs", unit: "ms", value: median(times), runs: WARM, note });
}

async function startsOfTwenty(plan: ServerPlan): Promise<void> {
  const mcp = new McpSupervisor();
  const handles = await Promise.all(Array.from({ length: 20 }, () => mcp.acquire(plan, never())));
  await Promise.all(handles.map((handle) => handle.call("read_graph", {}, { ...LIMITS, signal: never() })));
  const name = "servers that twenty first calls at once start";
  printFigure({ name, unit: "servers", value: childrenNamed("server-memory"), runs: 1 });
  for (const handle of handles) handle.release();
  await mcp.close();
}

/** Processes that this one has started and that still run. */
function childrenNamed(part: string): number {
  const pids = readdirSync("/proc").filter((name) => /^[0-9]+$/u.test(name));
  return pids.filter((pid) => {
    // The name of a program may hold spaces and brackets: what follows its last bracket is state and parent.
    const stat = read(`/proc/${pid}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    return parent === process.pid && read(`/proc/${pid}/cmdline`).includes(part);
  }).length;
}

/** Empty where the process has gone meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

async function largeResults(): Promise<void> {
  await throughHttp();
  await throughStdio();
}

async function throughHttp(): Promise<void> {
  const server = createServer((_request, response) => void pieces().pipe(response));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const outbound = { allowPrivate: false, resolve: resolveHost };
  const tokens = new OAuthTokens(() => performance.now());
  const credentials = { secrets: secretsWith({}), tokens, outbound: () => outbound };
  const spec = { type: "http", endpoint: `http://127.0.0.1:${port}/` } as unknown as ToolSpec;
  const source = { namespace: "default", label: "Tool default/large", spec, outbound, credentials };
  const context = { idempotencyKey: "k", signal: never(), checkLease: () => undefined };
  await peak("result of 50 MB from an HTTP tool, cut", () => callHttpTool(source, {}, context));
  await withPrivateRedis((url) => keepingIt(url, (keepBytes) => callHttpTool(source, {}, { ...context, keepBytes })));
  server.close();
}

/** As the gate does it: read, redacted, kept, cut. */
async function keepingIt(url: string, call: (keepBytes: number) => Promise<ToolAnswer>): Promise<void> {
  const redis = connectRedis(url, "command");
  const task = { env: "bench", namespace: "default", name: "t" };
  await redis.hset(taskKeys(task).task, "phase", "Running");
  const { shelf } = openArtifacts(redis, task, ["artifact.read"]);
  const redactor = createRedactor(["a-secret-of-no-meaning", "another/one+of=them"]);
  await peak("result of 50 MB from an HTTP tool, kept as far as may be", async () => {
    const { overflow } = await call(shelf?.resultBytes ?? 0);
    if (overflow === undefined || shelf === undefined) throw new Error("nothing was kept");
    await shorten({ redactor, artifacts: shelf, facts: { tool: "large", from: "a#1 m1.c1", labels: [] } }, overflow);
  });
  await closeRedis(redis);
}

/** The server is in this process, too: it must not hold what it sends. Not only ASCII: such a text takes twice the room. */
function pieces(): Readable {
  const piece = Buffer.alloc(64 * 1024, "xé…");
  return Readable.from(Array.from({ length: LARGE / piece.length }, () => piece));
}

async function throughStdio(): Promise<void> {
  const file = join(folder, "large.mjs");
  await writeFile(file, LARGE_SERVER);
  const plan = await planFor(serverSpec({ command: process.execPath, args: [file] }));
  const mcp = new McpSupervisor();
  const handle = await mcp.acquire(plan, never());
  await peak("result of 50 MB from an MCP server, refused", () =>
    handle.call("large", {}, { ...LIMITS, signal: never() }).catch((error: unknown) => error),
  );
  handle.release();
  await mcp.close();
}

async function peak(name: string, body: () => Promise<unknown>): Promise<void> {
  const before = process.memoryUsage.rss();
  let highest = before;
  const watch = setInterval(() => {
    highest = Math.max(highest, process.memoryUsage.rss());
  }, 1);
  await body();
  clearInterval(watch);
  highest = Math.max(highest, process.memoryUsage.rss());
  printFigure({
    name,
    unit: "MiB",
    value: (highest - before) / MIB,
    runs: 1,
    note: "memory of the runner at most",
  });
}
