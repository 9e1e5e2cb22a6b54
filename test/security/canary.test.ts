// A secret that is looked for wherever Countwheel writes or says anything, in every encoding, whatever becomes of its use:
// Redis, traces, logs, errors, the text of checks, exports, answers of commands and to MCP clients, arguments, files.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { McpServerSpec } from "../../contracts/kinds/mcp-server.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { hasEnded, type TaskPhase, type TaskRef } from "../../contracts/task.ts";
import { readTaskReport } from "../../reconciler/report/read-task-report.ts";
import { renderTaskLine, renderTaskReport } from "../../reconciler/report/render-trace.ts";
import { type Grant, renderGrant } from "../../runner/secrets/grant.ts";
import { SANDBOX_PATH } from "../bwrap.ts";
import { commandRoom, ENTRY, type Room } from "../cli/command.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { manifest, openWorld, type World } from "../runner/world.ts";
import { AGE_IDENTITY, sealedValue } from "../sealed.ts";
import { installSops, writeSops } from "../sops.ts";
import { canaryOf, foundIn, tellAll } from "./canary-forms.ts";
import { type Outside, openOutside } from "./canary-outside.ts";
import { WAYS as ALL_WAYS, type Place, PROGRAM, type Way } from "./canary-ways.ts";

const WAYS = ALL_WAYS.filter(({ isSandboxed = false }) => !isSandboxed || SANDBOX_PATH !== undefined);

/** It starts some twenty programs, on a machine that may be busy. */
const BOUND_MS = 300_000;

/** What each way's task is, once all have ended. */
const tasks = new Map<string, TaskRef>();
const said = { runner: "" };
let server: TestRedis;
let outside: Outside;
let world: World;
let room: Room;
let runner: ChildProcess;
/** What is not Countwheel's: the runner's identity, files of SOPS, the programs of servers. */
let own: string;
let sopsCalls: Awaited<ReturnType<typeof installSops>>;

const variableOf = (way: Way): string => `COUNTWHEEL_SECRET_${way.name.toUpperCase().replace(/[^A-Z]+/g, "_")}`;
const canary = (way: Way): string => canaryOf(way.name);
const temporary = (): string => join(room.folder, "tmp");
const program = (): string => join(own, "bin", "telling-program.mjs");
const place = (): Place => ({ url: outside.url, seen: seenByPrograms(), program: program() });
const seenByPrograms = (): string => join(room.folder, "seen.txt");

function variables(): Readonly<Record<string, string>> {
  const values = WAYS.flatMap((way) => {
    const value = way.value?.(canary(way)) ?? canary(way);
    return [
      [variableOf(way), value],
      [`${variableOf(way)}_ALL`, tellAll(value)],
    ] as const;
  });
  return {
    ...Object.fromEntries(values),
    COUNTWHEEL_REDIS_URL: server.url,
    COUNTWHEEL_ENV: world.env,
    TMPDIR: temporary(),
  };
}

beforeAll(async () => {
  server = await testRedis();
  outside = await openOutside();
  world = openWorld(server.url);
  room = commandRoom();
  await mkdir(temporary());
  own = await mkdtemp(join(tmpdir(), "cw-canary-"));
  await writeFile(join(own, "runner.age"), AGE_IDENTITY);
  await mkdir(join(own, "secrets"));
  sopsCalls = await installSops(join(own, "bin"));
  await copyFile(PROGRAM, program());
  await chmod(program(), 0o755);
  runner = await startRunner();
  for (const way of WAYS) tasks.set(way.name, await world.start([await secretOf(way), ...way.set(place())], "one"));
  // One after the other: looking at all of them at once would take more time than they do.
  for (const ref of tasks.values()) await world.until(ref, ({ phase }) => isOver(phase), BOUND_MS);
}, BOUND_MS);
afterAll(async () => {
  runner.kill("SIGKILL");
  await world.close();
  await outside.close();
  await server.stop();
  room.remove();
  await rm(own, { recursive: true, force: true });
});

/** Nothing more becomes of it by itself. */
function isOver(phase: TaskPhase): boolean {
  return hasEnded(phase) || phase === "Unknown";
}

/** `key` is what its tools, models and memories name. */
async function secretOf(way: Way): Promise<Manifest> {
  const value = way.value?.(canary(way)) ?? canary(way);
  const values = { value, all: tellAll(value) };
  if (way.from === "sealed") {
    const seal = (key: string, text: string) => sealedValue({ namespace: "default", name: "key", key }, text);
    return manifest("Secret", "key", {
      sealed: { value: await seal("value", value), all: await seal("all", values.all) },
    });
  }
  if (way.from === "login") {
    const [{ spec } = { spec: {} }] = way.set(place()).filter(({ kind }) => kind === "McpServer");
    const grant = renderGrant(grantOf(spec as McpServerSpec, value));
    return manifest("Secret", "key", {
      sealed: { grant: await sealedValue({ namespace: "default", name: "key", key: "grant" }, grant) },
    });
  }
  if (way.from === "sops") {
    const file = `${variableOf(way)}.enc.yaml`;
    await writeSops(join(own, "secrets", file), values, AGE_IDENTITY);
    return manifest("Secret", "key", { from: { value: { sops: file }, all: { sops: file, path: "all" } } });
  }
  const [name, all] = [{ env: variableOf(way) }, { env: `${variableOf(way)}_ALL` }];
  return manifest("Secret", "key", {
    from: { value: name, client_id: { env: "COUNTWHEEL_SECRET_ID" }, client_secret: name, private_key: name, all },
  });
}

function grantOf({ endpoint = "", auth }: McpServerSpec, token: string): Grant {
  const login = { id: randomUUID(), key: "k".repeat(43), client_id: "id", client_auth: "none" } as const;
  const places = { endpoint, issuer: outside.url, token_url: auth?.token_url ?? "" };
  return { format: "countwheel.dev/grant/v1", ...login, ...places, scopes: [], refresh_token: token };
}

async function startRunner(): Promise<ChildProcess> {
  const opens = ["--age-identity", join(own, "runner.age"), "--secret-dir", join(own, "secrets")];
  const words = ["runner", ...opens, "--private-host", "127.0.0.1", "--concurrency", "12", "--verbose", "-o", "jsonl"];
  const env = {
    PATH: `${join(own, "bin")}:${SANDBOX_PATH ?? process.env["PATH"] ?? ""}`,
    HOME: room.folder,
    COUNTWHEEL_HOME: join(room.folder, ".countwheel"),
    COUNTWHEEL_SECRET_ID: "id",
    ...variables(),
  };
  const child = spawn(process.execPath, [...ENTRY, ...words], {
    cwd: room.folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stderr.on("data", (bytes: Buffer) => (said.runner += bytes.toString()));
  const lines = createInterface({ input: child.stdout });
  const ready = once(lines, "line");
  lines.on("line", (line) => (said.runner += `${line}\n`));
  await ready;
  return child;
}

/** `[what was found, of which way]`: nothing, where nothing is told. */
function leaks(text: string): readonly (readonly [string, string])[] {
  return WAYS.flatMap((way) => foundIn(text, canary(way)).map((form) => [way.name, form] as const));
}

it.each(WAYS)("$name comes out as it should", async (way) => {
  const ref = tasks.get(way.name) as TaskRef;
  const [task, events] = [await world.task(ref), await world.trace(ref)];
  const tools = events.filter(({ type }) => type === "tool.answered" || type === "tool.failed");
  const told = tools.map((event) => (event["isError"] === false ? "answers" : (event["code"] ?? "complains")));
  const failed = task.lastError === undefined ? [] : [task.lastError.code];
  expect([task.phase, ...failed, ...told]).toEqual(way.comes.split(" "));
});

describe("no secret stands, in any encoding,", () => {
  it("in any key or value of Redis", async () => {
    // As it would lie on the disk.
    await world.redis.config("SET", "rdbcompression", "no");
    const keys = await world.redis.keys("*");
    const values = await Promise.all(keys.map((key) => world.redis.dumpBuffer(key)));
    expect(keys.length).toBeGreaterThan(WAYS.length * 3);
    expect(
      keys.flatMap((key, at) => leaks(`${key} ${values[at]?.toString("utf8") ?? ""}`).map((leak) => [key, ...leak])),
    ).toEqual([]);
  });

  it("in a task's record, its trace, or what GitHub is told of it", async () => {
    for (const ref of tasks.values()) {
      const report = await readTaskReport(world.redis, ref);
      if (report === undefined) throw new Error("there is no report");
      const texts = [await world.task(ref), await world.trace(ref), renderTaskLine(report), renderTaskReport(report)];
      expect(leaks(JSON.stringify(texts))).toEqual([]);
    }
  });

  it("in what the runner says, and in no file that it leaves", async () => {
    runner.kill("SIGTERM");
    await once(runner, "close");
    expect(said.runner).toContain("stopped");
    expect(leaks(said.runner)).toEqual([]);
    expect(readdirSync(temporary())).toEqual([]);
    expect(readdirSync("/dev/shm").filter((name) => name.includes(`-${runner.pid}-`))).toEqual([]);
    for (const file of readdirSync(room.folder, { recursive: true, withFileTypes: true })) {
      if (file.isFile()) expect(leaks(readFileSync(join(file.parentPath, file.name), "utf8"))).toEqual([]);
    }
  });

  it("in what models are asked", () => {
    expect(outside.prompts.length).toBeGreaterThan(5);
    expect(leaks(outside.prompts.join("\n"))).toEqual([]);
  });

  it("in the arguments of any process", async () => {
    const calls = JSON.stringify((await sopsCalls()).map(({ argv }) => argv));
    const seen = `${readFileSync(seenByPrograms(), "utf8")}${calls}`;
    expect(calls).toContain("--decrypt");
    expect(seen).toContain("telling-program.mjs");
    expect(leaks(seen)).toEqual([]);
  });

  it.each([["audit export"], ["export"], ["drift"], ["get deadletters -o json"]])(
    "in the answer of `%s`",
    async (words) => {
      const inside = commandRoom(variables());
      const { stdout, stderr } = await inside.run(...words.split(" "));
      inside.remove();
      expect(`${stdout}${stderr}`).not.toBe("");
      expect(leaks(`${stdout}${stderr}`)).toEqual([]);
    },
  );

  it("in what an MCP client is told", async () => {
    const client = new Client({ name: "test", version: "0" });
    const env = { PATH: process.env["PATH"] ?? "", COUNTWHEEL_HOME: join(room.folder, ".countwheel"), ...variables() };
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [...ENTRY, "mcp"],
        cwd: room.folder,
        env,
        stderr: "ignore",
      }),
    );
    const told = await Promise.all(
      [...tasks.values()].map(({ name }) => client.callTool({ name: "trace", arguments: { task: name } })),
    );
    await client.close();
    expect(leaks(JSON.stringify(told))).toEqual([]);
  });
});
