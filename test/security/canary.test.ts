// A secret that is looked for wherever Countwheel writes or says anything, in every encoding, whatever becomes of its use:
// Redis, traces, logs, errors, the text of checks, exports, answers of commands and to MCP clients, arguments, files.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hasEnded, type TaskPhase, type TaskRef } from "../../contracts/task.ts";
import { readTaskReport } from "../../reconciler/report/read-task-report.ts";
import { renderTaskLine, renderTaskReport } from "../../reconciler/report/render-trace.ts";
import { commandRoom, ENTRY, type Room } from "../cli/command.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { manifest, openWorld, type World } from "../runner/world.ts";
import { canaryOf, foundIn, tellAll } from "./canary-forms.ts";
import { type Outside, openOutside } from "./canary-outside.ts";
import { WAYS, type Way } from "./canary-ways.ts";

/** It starts some twenty programs, on a machine that may be busy. */
const BOUND_MS = 120_000;

/** What each way's task is, once all have ended. */
const tasks = new Map<string, TaskRef>();
const said = { runner: "" };
let server: TestRedis;
let outside: Outside;
let world: World;
let room: Room;
let runner: ChildProcess;

const variableOf = (way: Way): string => `COUNTWHEEL_SECRET_${way.name.toUpperCase().replace(/[^A-Z]+/g, "_")}`;
const canary = (way: Way): string => canaryOf(way.name);
const temporary = (): string => join(room.folder, "tmp");
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
  runner = await startRunner();
  const place = { url: outside.url, seen: seenByPrograms() };
  for (const way of WAYS) tasks.set(way.name, await world.start([secretOf(way), ...way.set(place)], "one"));
  // One after the other: looking at all of them at once would take more time than they do.
  for (const ref of tasks.values()) await world.until(ref, ({ phase }) => isOver(phase), BOUND_MS);
}, BOUND_MS);
afterAll(async () => {
  runner.kill("SIGKILL");
  await world.close();
  await outside.close();
  await server.stop();
  room.remove();
});

/** Nothing more becomes of it by itself. */
function isOver(phase: TaskPhase): boolean {
  return hasEnded(phase) || phase === "Unknown";
}

/** `key` is what its tools, models and memories name. */
function secretOf(way: Way) {
  const [name, all] = [{ env: variableOf(way) }, { env: `${variableOf(way)}_ALL` }];
  return manifest("Secret", "key", {
    from: { value: name, client_id: { env: "COUNTWHEEL_SECRET_ID" }, client_secret: name, all },
  });
}

async function startRunner(): Promise<ChildProcess> {
  const words = ["runner", "--private-host", "127.0.0.1", "--concurrency", "12", "--verbose", "-o", "jsonl"];
  const env = {
    PATH: process.env["PATH"] ?? "",
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
    await once(runner, "exit");
    expect(said.runner).toContain("stopped");
    expect(leaks(said.runner)).toEqual([]);
    expect(readdirSync(temporary())).toEqual([]);
    for (const file of readdirSync(room.folder, { recursive: true, withFileTypes: true })) {
      if (file.isFile()) expect(leaks(readFileSync(join(file.parentPath, file.name), "utf8"))).toEqual([]);
    }
  });

  it("in what models are asked", () => {
    expect(outside.prompts.length).toBeGreaterThan(5);
    expect(leaks(outside.prompts.join("\n"))).toEqual([]);
  });

  it("in the arguments of any process", () => {
    const seen = readFileSync(seenByPrograms(), "utf8");
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
