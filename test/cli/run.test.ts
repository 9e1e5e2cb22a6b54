import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runCancel } from "../../cli/commands/cancel.ts";
import { runResolve } from "../../cli/commands/resolve.ts";
import { type RunOptions, runRun } from "../../cli/commands/run.ts";
import { failureOf, UsageFailure } from "../../cli/output.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { agent, manifest, mockModel, openWorld, system, type World } from "../runner/world.ts";
import { listen as listenIn, type Told } from "./listen.ts";

let server: TestRedis;
let world: World;
let folder: string;

beforeAll(async () => {
  server = await testRedis();
  folder = await mkdtemp(join(tmpdir(), "cw-run-"));
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  world = openWorld(server.url);
});
afterEach(() => world.close());

function listen(): Told {
  return listenIn(folder);
}

function common() {
  return { env: world.env, redis: server.url, output: "text" as const, verbose: false };
}

function flags(more: Partial<RunOptions> = {}): RunOptions {
  return { ...common(), system: "line", input: [], wait: false, timeout: 15_000, ...more };
}

const line = [agent("a"), agent("b"), system("line", ["a", "b"])];

describe("run", () => {
  it("prints the task's name on stdout and nothing else", async () => {
    await world.apply([...line, mockModel("mock")]);
    const { host, out, err } = listen();
    expect(await runRun(host, flags({ input: ["topic=clocks"] }))).toBe(0);
    expect(out()).toMatch(/^line-[0-9a-f]{8}\n$/);
    expect(err()).toContain("countwheel trace line-");
    const task = await world.task({ env: world.env, namespace: "default", name: out().trim() });
    expect([task.phase, task.input, task.source?.file]).toEqual(["Pending", { topic: "clocks" }, "test.yaml"]);
  });

  it("waits for the end, prints the record as JSON, and takes inputs from a file, which flags override", async () => {
    await world.apply([...line, mockModel("mock")]);
    await world.runner();
    await writeFile(join(folder, "in.json"), JSON.stringify({ topic: "from file", depth: 3 }));
    const { host, out } = listen();
    const options = { wait: true, output: "json" as const, inputFile: "in.json", input: ["topic=a=b"] };
    expect(await runRun(host, flags(options))).toBe(0);
    expect(JSON.parse(out())).toMatchObject({
      phase: "Succeeded",
      system: "line",
      input: { topic: "a=b", depth: "3" },
    });
  });

  it("exits 4 where policy denied, and 1 where the task failed otherwise", async () => {
    await world.runner();
    const only = manifest("AgentPolicy", "only", { apply_mode: "global", allowed_models: ["another"] });
    await world.apply([...line, mockModel("mock"), only]);
    const denied = listen();
    expect(await runRun(denied.host, flags({ wait: true }))).toBe(4);
    expect(denied.err()).toContain("MODEL_NOT_ALLOWED");
    await world.apply([...line, mockModel("mock", [{ fail: { code: "auth" } }])]);
    const failed = listen();
    expect(await runRun(failed.host, flags({ wait: true }))).toBe(1);
    expect(failed.err()).toContain("MODEL_AUTH");
  });

  it("names the nearest system where there is none of that name, and says so where nothing was applied", async () => {
    await expect(runRun(listen().host, flags())).rejects.toMatchObject({ code: "SYSTEM_NOT_FOUND" });
    await world.apply([...line, mockModel("mock")]);
    const failure = await runRun(listen().host, flags({ system: "lime" })).catch((error: unknown) => failureOf(error));
    expect(failure).toMatchObject({ code: "SYSTEM_NOT_FOUND", exitCode: 1 });
    expect(JSON.stringify(failure)).toContain("Did you mean `line`?");
  });

  it("says that nobody works on the task when the wait is over", async () => {
    await world.apply([...line, mockModel("mock")]);
    const failure = await runRun(listen().host, flags({ wait: true, timeout: 300 })).catch((error: unknown) =>
      failureOf(error),
    );
    expect(failure).toMatchObject({ code: "WAIT_TIMEOUT", exitCode: 1 });
    expect(JSON.stringify(failure)).toContain("Pending");
  });

  it("refuses an input that is none", async () => {
    await expect(runRun(listen().host, flags({ input: ["topic"] }))).rejects.toBeInstanceOf(UsageFailure);
    await expect(runRun(listen().host, flags({ inputFile: "no.json" }))).rejects.toBeInstanceOf(UsageFailure);
  });
});

describe("cancel and resolve", () => {
  it("cancel ends a task that nobody has begun, and refuses one that has ended", async () => {
    const ref = await world.start([...line, mockModel("mock")], "line");
    expect(await runCancel(listen().host, { ...common(), task: ref.name })).toBe(0);
    await world.runner();
    expect((await world.ended(ref)).phase).toBe("Cancelled");
    const again = listen();
    expect(await runCancel(again.host, { ...common(), task: ref.name })).toBe(1);
    expect(again.err()).toContain("TASK_ENDED");
  });

  it("resolve refuses a task that waits for nobody, and more than one word", async () => {
    const ref = await world.start([...line, mockModel("mock")], "line");
    const words = { done: true, retry: false, fail: false };
    const told = listen();
    expect(await runResolve(told.host, { ...common(), task: ref.name, ...words })).toBe(1);
    expect(told.err()).toContain("NOT_UNKNOWN");
    const both = { ...words, fail: true };
    await expect(runResolve(listen().host, { ...common(), task: ref.name, ...both })).rejects.toBeInstanceOf(
      UsageFailure,
    );
  });
});
