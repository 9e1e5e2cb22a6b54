// Tasks that went wrong, as people see them: their evidence, the list of dead letters, and the way back.
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { runDescribe } from "../../cli/commands/describe.ts";
import { runGet } from "../../cli/commands/get.ts";
import { type RetryOptions, runRetry } from "../../cli/commands/retry.ts";
import { UsageFailure } from "../../cli/output.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { agent, chainVerdict, manifest, mockModel, system } from "../runner/world.ts";
import { listen } from "./listen.ts";
import { useTaskWorld } from "./task-world.ts";

const here = useTaskWorld();

function common() {
  return { env: here.world.env, redis: here.server.url, output: "text" as const, verbose: false };
}

function retry(ref: TaskRef, more: Partial<RetryOptions> = {}) {
  const told = listen(tmpdir());
  const flags = { ...common(), task: ref.name, fromStart: false, resetBudget: false, as: "ada", ...more };
  return { told, code: runRetry(told.host, flags) };
}

const blocked = manifest("AgentPolicy", "no-look", { apply_mode: "global", blocked_tools: ["look"] });

/** Its second agent is stopped by a policy of the environment, which the task's own definitions do not hold. */
async function stoppedByPolicy(): Promise<TaskRef> {
  const script = [
    { agent: "b", turn: 1, call: [{ tool: "look" }] },
    { agent: "b", turn: 2, say: "looked" },
  ];
  const agents = [agent("a"), agent("b", { tools: ["look"] }), system("line", ["a", "b"])];
  await here.world.apply([blocked]);
  await here.world.runner();
  const ref = await here.world.start([...agents, here.tools.tool("look"), mockModel("mock", script)], "line");
  expect(await here.world.ended(ref)).toMatchObject({ phase: "Failed", lastError: { code: "TOOL_BLOCKED" } });
  return ref;
}

describe("retry", () => {
  it("goes on where the task stopped: what is done is not done again, and the trace says who wanted it", async () => {
    const ref = await stoppedByPolicy();
    const before = await here.world.task(ref);
    await here.world.apply([]);
    expect(await retry(ref).code).toBe(0);
    const task = await here.world.ended(ref);
    expect([task.phase, task.output?.["last_output"]]).toEqual(["Succeeded", "looked"]);
    expect(task.activations.map(({ id, phase }) => `${id} ${phase}`)).toEqual(["a#1 Done", "b#1 Done"]);
    expect(task.tokens.input).toBeGreaterThan(before.tokens.input);
    const events = await here.world.trace(ref);
    const turns = events
      .filter(({ type }) => type === "model.answered")
      .map(({ activation, turn }) => `${activation} ${turn}`);
    expect(turns).toEqual(["a#1 1", "b#1 1", "b#1 2"]);
    expect(events.find(({ type }) => type === "retry.scheduled")).toMatchObject({
      what: "task",
      from: "stopped",
      by: "ada",
      after: "TOOL_BLOCKED",
      budget: "kept",
    });
    expect(await chainVerdict(here.world, ref)).toBe("intact");
  });

  it("begins anew with --from-start, under the definitions of before and with a new budget where that is said", async () => {
    const ref = await stoppedByPolicy();
    await here.world.apply([]);
    const calls = here.tools.keys.length;
    expect(await retry(ref, { fromStart: true, resetBudget: true }).code).toBe(0);
    const task = await here.world.ended(ref);
    expect(task.activations.map(({ id, phase }) => `${id} ${phase}`)).toEqual([
      "a#1 Done",
      "b#1 Cancelled",
      "a#2 Done",
      "b#2 Done",
    ]);
    expect([task.phase, here.tools.keys.length - calls]).toEqual(["Succeeded", 1]);
    const answered = (await here.world.trace(ref)).filter(
      ({ type, activation }) => type === "model.answered" && activation?.endsWith("#2"),
    );
    expect(task.tokens.input).toBe(answered.reduce((sum, event) => sum + Number(event["inputTokens"]), 0));
    expect(await chainVerdict(here.world, ref)).toBe("intact");
  });

  it("refuses a task that did not fail, and a budget that shall begin anew in the middle", async () => {
    const ref = await here.world.start([agent("a"), system("one", ["a"]), mockModel("mock")], "one");
    const { told, code } = retry(ref);
    expect(await code).toBe(1);
    expect(told.err()).toContain("NOT_FAILED");
    await expect(retry(ref, { resetBudget: true }).code).rejects.toBeInstanceOf(UsageFailure);
  });
});

describe("a dead letter", () => {
  it("is listed as such, and tells what was tried, by whom, the last steps and the reason", async () => {
    await here.world.runner({ id: "tower" });
    const script = [{ agent: "a", fail: { code: "server_error" } }];
    const ref = await here.world.start([agent("a"), system("one", ["a"]), mockModel("mock", script)], "one", {
      maxAttempts: 2,
    });
    expect((await here.world.ended(ref, 30_000)).phase).toBe("DeadLetter");
    const list = listen(tmpdir());
    expect(await runGet(list.host, { ...common(), kind: "deadletters", watch: false })).toBe(0);
    expect(list.out()).toMatch(new RegExp(`${ref.name} +one +2 +MODEL_`));
    const others = listen(tmpdir());
    await runGet(others.host, { ...common(), kind: "tasks", phase: "succeeded", watch: false });
    expect(others.out()).not.toContain(ref.name);
    await expect(
      runGet(listen(tmpdir()).host, { ...common(), kind: "tasks", phase: "Sucess", watch: false }),
    ).rejects.toThrow("Succeeded");
    const told = listen(tmpdir());
    expect(await runDescribe(told.host, { ...common(), kind: "task", name: ref.name })).toBe(0);
    expect(told.out()).toMatch(/Tried \(by tower\):[^]*a#1 +1 +tower[^]*a#1 +2 +tower[^]*Last steps:[^]*model mock-1/);
    expect(told.err()).toContain(`countwheel retry ${ref.name}`);
    const json = listen(tmpdir());
    await runDescribe(json.host, { ...common(), output: "json", kind: "task", name: ref.name });
    const { evidence } = JSON.parse(json.out());
    expect(evidence.runners).toEqual(["tower"]);
    expect(evidence.attempts.map(({ attempt }: { attempt: number }) => attempt)).toEqual([1, 2]);
    expect(evidence.lastSteps.length).toBeGreaterThan(0);
  });
});
