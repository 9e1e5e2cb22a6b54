// Turns of models that a person has to approve: asked once a turn, bound to what would be sent, good for one answer.
import type { ServerResponse } from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { ApprovalRecord } from "../../contracts/approval.ts";
import type { AuditEntry } from "../../contracts/audit/entry.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { Breakers } from "../../runner/breakers.ts";
import { listApprovals, readApprovals } from "../../store/approvals/read-approvals.ts";
import { readAuditLog } from "../../store/audit-log.ts";
import { readBudgets } from "../../store/budgets.ts";
import { taskKeys } from "../../store/keys.ts";
import { type ActivationQueue, openQueue } from "../../store/queue.ts";
import { retryTask } from "../../store/scripts/retry-task.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { ADA, approvalDesk, BEN } from "./approval-desk.ts";
import { answerJson, type LoopbackServer, serve } from "./tools/http-server.ts";
import { agent, chainVerdict, manifest, mockModel, openWorld, system, typesOf, type World } from "./world.ts";

let server: TestRedis;
let world: World;
let queue: ActivationQueue;

beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.stop());
beforeEach(() => {
  world = openWorld(server.url);
  queue = openQueue(world.redis, world.env);
});
afterEach(async () => {
  await world.close();
  await queue.close();
});

function asking(
  match: Readonly<Record<string, unknown>> = { models: ["mock-1"] },
  approval: Readonly<Record<string, unknown>> = {},
  more: Readonly<Record<string, unknown>> = {},
): Manifest {
  const rule = { match, effect: "ask", message: "it is sent away", approval };
  return manifest("AgentPolicy", "careful", { apply_mode: "global", rules: [rule], ...more });
}

const talking = (policy = asking()): Manifest[] => [
  agent("a"),
  system("one", ["a"]),
  mockModel("mock", [{ turn: 1, say: "hello" }]),
  policy,
];

const { waiting, pending, phases, answer } = approvalDesk(() => ({ world, queue }));

async function approveNext(ref: TaskRef): Promise<ApprovalRecord> {
  await waiting(ref);
  const approval = await pending(ref);
  expect(await answer(approval, "approved")).toEqual({ outcome: "ruled" });
  return approval;
}

const decisions = async (ref: TaskRef) =>
  (await world.trace(ref))
    .filter(({ type, point }) => type === "turn.decided" && point !== "task_admission")
    .map((event) => `${event.step} ${String(event["model"])} ${String(event["point"])} ${String(event["code"])}`);

const turnsOf = async (ref: TaskRef) =>
  typesOf(await world.trace(ref)).filter((type) => /^(model|approval)/.test(type));

describe("a turn that a rule asks about", () => {
  it("waits outside of every runner, shows what would be sent, is approved, and happens once", async () => {
    const runner = await world.runner();
    const ref = await world.start(talking(), "one", { input: { topic: "birds" } });
    const task = await waiting(ref);
    expect([task.phase, task.activations[0]?.attempts]).toEqual(["WaitingApproval", 0]);
    expect([task.budget.reservedTokens, await turnsOf(ref)]).toEqual([0, ["approval.requested"]]);
    await vi.waitFor(() => expect(runner.running()).toBe(0), 10_000);
    const approval = await pending(ref);
    expect(approval).toMatchObject({
      about: "model",
      agent: "a",
      turn: 1,
      step: "m1",
      model: "mock-1",
      provider: "mock",
      endpoint: "default/mock",
      messages: 1,
      lastMessage: { role: "user", text: "Task input:\ntopic: birds" },
      reserveMicroUsd: 0,
      reasons: [{ policy: "AgentPolicy/default/careful", rule: "spec.rules[0]", message: "it is sent away" }],
      terms: { ttlMs: 600_000, notRequester: false, approvers: null },
    });
    expect(await answer(approval, "approved", BEN, "fine")).toEqual({ outcome: "ruled" });
    const ended = await world.ended(ref);
    expect([ended.phase, ended.output?.["last_output"], ended.activations[0]?.attempts]).toEqual([
      "Succeeded",
      "hello",
      1,
    ]);
    expect(await phases(ref)).toEqual(["Used"]);
    expect(await turnsOf(ref)).toEqual(["approval.requested", "approval.decided", "model.called", "model.answered"]);
    expect(await decisions(ref)).toEqual([
      "m1 mock-1 before_model APPROVAL_REQUIRED",
      "m1 mock-1 approval_resume ALLOWED",
    ]);
    expect(await chainVerdict(world, ref)).toBe("intact");
  });

  it("is asked about by another runner, and used by it, as the first one left it", async () => {
    const first = await world.runner();
    const script = [
      { turn: 1, call: [{ tool: "memory.write", arguments: { key: "k", value: "v" } }] },
      { turn: 2, say: "done" },
    ];
    const manifests = [
      agent("a", { memory: { ref: "notes", allow: ["write"] } }),
      manifest("Memory", "notes", { provider: "in-memory" }),
      system("one", ["a"]),
      mockModel("mock", script),
      asking(),
    ];
    const ref = await world.start(manifests, "one");
    await approveNext(ref);
    await waiting(ref);
    await first.drain(0);
    expect(await pending(ref)).toMatchObject({ turn: 2, step: "m2", messages: 3 });
    await answer(await pending(ref), "approved");
    await world.runner();
    expect((await world.ended(ref)).phase).toBe("Succeeded");
    expect(await phases(ref)).toEqual(["Used", "Used"]);
  });

  it("ends the task where it is denied, also where the policy says `refuse`: nobody is left to read it", async () => {
    await world.runner();
    for (const policy of [asking(), asking({ agents: ["a"] }, {}, { on_violation: "refuse" })]) {
      const ref = await world.start(talking(policy), "one");
      await waiting(ref);
      await answer(await pending(ref), "denied", ADA, "not this month");
      const ended = await world.ended(ref);
      expect([ended.phase, ended.lastError?.code]).toEqual(["Failed", "APPROVAL_DENIED"]);
      expect(ended.lastError?.message).toContain("denied by local:ada: not this month");
      expect(ended.lastError?.details).toMatchObject({ model: "mock-1", policy: "AgentPolicy/default/careful" });
      expect(await turnsOf(ref)).not.toContain("model.called");
    }
  });

  it("expires by the sweep, and is asked about anew by a retry", async () => {
    await world.runner();
    const ref = await world.start(talking(asking({ models: ["*"] }, { ttl: "300ms" })), "one");
    const ended = await world.ended(ref);
    expect([ended.lastError?.code, await phases(ref)]).toEqual(["APPROVAL_EXPIRED", ["Expired"]]);
    const drafts = [{ type: "retry.scheduled" as const, at: new Date().toISOString(), data: { what: "task" } }];
    await retryTask(world.redis, queue, { task: ref, drafts, resetBudget: false });
    await approveNext(ref);
    expect([(await world.ended(ref)).phase, await phases(ref)]).toEqual(["Succeeded", ["Void", "Used"]]);
  });

  it("is asked about anew where the policies have changed, and denied where they forbid it by now", async () => {
    const runner = await world.runner();
    const manifests = talking();
    await world.apply(manifests);
    const ref = await world.start(manifests, "one");
    await waiting(ref);
    await runner.drain(0);
    await answer(await pending(ref), "approved");
    const more = manifest("AgentPolicy", "more", { apply_mode: "global", blocked_tools: ["other"] });
    await world.apply([...manifests, more]);
    const second = await world.runner();
    await waiting(ref);
    expect((await decisions(ref)).slice(1)).toEqual([
      "m1 mock-1 approval_resume APPROVAL_MISMATCH",
      "m1 mock-1 before_model APPROVAL_REQUIRED",
    ]);
    expect(await phases(ref)).toEqual(["Void", "Pending"]);
    await second.drain(0);
    await answer(await pending(ref), "approved");
    await world.apply([
      ...manifests,
      manifest("AgentPolicy", "never", { apply_mode: "global", allowed_models: ["x"] }),
    ]);
    await world.runner();
    expect((await world.ended(ref)).lastError?.code).toBe("MODEL_NOT_ALLOWED");
    expect(await turnsOf(ref)).not.toContain("model.called");
  });

  it("may be approved by whom the policy names, and not by whoever asked for the task", async () => {
    await world.runner();
    const terms = { not_requester: true, approvers: ["local:ada", "github:ben"] };
    const ref = await world.start(talking(asking({ models: ["*"] }, terms)), "one", { requestedBy: ADA });
    await waiting(ref);
    const approval = await pending(ref);
    for (const by of [ADA, { kind: "local", name: "ben" } as const])
      expect((await answer(approval, "approved", by)).outcome).toBe("not-allowed");
    expect((await answer(approval, "approved", BEN)).outcome).toBe("ruled");
    expect((await world.ended(ref)).phase).toBe("Succeeded");
  });

  it("reserves nothing of a shared ledger while it waits, and is not asked about where that is spent", async () => {
    await world.runner();
    const policy = asking({ models: ["*"] }, {}, { budgets: [{ per: ["namespace"], steps: 1 }] });
    await world.apply(talking(policy));
    const refs = [await world.start(talking(policy), "one"), await world.start(talking(policy), "one")];
    for (const ref of refs) await waiting(ref);
    expect(await readBudgets(world.redis, world.env)).toEqual([]);
    for (const ref of refs) {
      await answer(await pending(ref), "approved");
      await world.ended(ref);
    }
    const late = await world.start(talking(policy), "one");
    const ended = await Promise.all([...refs, late].map((ref) => world.ended(ref)));
    expect(ended.map(({ lastError }) => lastError?.code)).toEqual([undefined, "BUDGET_STEPS", "BUDGET_STEPS"]);
    expect(await listApprovals(world.redis, world.env)).toHaveLength(2);
  });

  it("stands in the audit log with who answered what", async () => {
    await world.runner();
    const ref = await world.start(talking(), "one");
    const { decisionId, name } = await approveNext(ref);
    await world.ended(ref);
    const entries: AuditEntry[] = [];
    for await (const entry of readAuditLog(world.redis, world.env)) entries.push(entry);
    expect(entries.find(({ kind }) => kind === "approval.decided")).toMatchObject({
      approval: name,
      model: "mock-1",
      provider: "mock",
      endpoint: "default/mock",
      requestDigest: expect.stringMatching(/^sha256:/),
      decisionId,
      answer: "approved",
      by: "local:ada",
    });
  });
});

function endpoint(name: string, { url }: LoopbackServer): Manifest {
  const spec = { provider: "openai-compatible", base_url: url, default_model: `${name}-1` };
  return manifest("ModelEndpoint", name, { ...spec, options: { stream: "false" } });
}

function say(response: ServerResponse, content: string): void {
  const choices = [{ message: { role: "assistant", content }, finish_reason: "stop" }];
  answerJson(response, 200, { model: "m-2026", usage: { prompt_tokens: 10, completion_tokens: 2 }, choices });
}

/** Answers what comes after so many failures. */
function failing(times: number, status = 503): Promise<LoopbackServer> {
  let failed = 0;
  return serve((response) => {
    failed += 1;
    if (failed > times) say(response, "Here I am.");
    else answerJson(response, status, { error: { message: "not now" } });
  });
}

/** An agent with a model to fall back to, and a rule that asks about `model`. */
function withSpare(main: LoopbackServer, spare: LoopbackServer, model = "*"): Manifest[] {
  return [
    agent("a", { model_ref: "main", fallback_model_refs: ["spare"] }),
    system("one", ["a"]),
    endpoint("main", main),
    endpoint("spare", spare),
    asking({ models: [model] }),
  ];
}

/** Others have found it ill. */
async function rest(name: string, openMs: number): Promise<void> {
  const rules = { failures: 1, windowMs: 60_000, openMs, longestMs: openMs };
  const entry = await new Breakers(world.redis, world.env, () => 0).enter(
    { namespace: "default", name },
    rules,
    60_000,
  );
  if (entry.state !== "may-call") throw new Error(entry.state);
  await entry.leave({ verdict: "failed", code: "MODEL_UNAVAILABLE", message: "ill", waitMs: 0 });
}

const quick = { random: () => 0.001 };

describe("an approved turn whose model fails", () => {
  it("is tried again under the same approval: one question for one answer", async () => {
    await world.runner(quick);
    const main = await failing(2, 429);
    const policy = asking({ models: ["*"] });
    const ref = await world.start(
      [agent("a", { model_ref: "main" }), system("one", ["a"]), endpoint("main", main), policy],
      "one",
    );
    await approveNext(ref);
    expect((await world.ended(ref)).phase).toBe("Succeeded");
    expect([main.asked.length, await phases(ref)]).toEqual([3, ["Used"]]);
    expect(await decisions(ref)).toEqual([
      "m1 main-1 before_model APPROVAL_REQUIRED",
      "m1 main-1 approval_resume ALLOWED",
      "m1.r1 main-1 approval_resume ALLOWED",
      "m1.r2 main-1 approval_resume ALLOWED",
    ]);
  });

  it("is asked about anew for a model that it falls back to, which then goes on", async () => {
    await world.runner(quick);
    const [main, spare] = [await failing(99), await failing(0)];
    const ref = await world.start(withSpare(main, spare), "one");
    await approveNext(ref);
    await world.until(ref, () => main.asked.length === 3);
    await waiting(ref);
    expect(await pending(ref)).toMatchObject({ model: "spare-1", endpoint: "default/spare", step: "m1.r3" });
    await answer(await pending(ref), "approved");
    expect((await world.ended(ref)).phase).toBe("Succeeded");
    expect([main.asked.length, spare.asked.length, await phases(ref)]).toEqual([3, 1, ["Used", "Used"]]);
  });

  it("is asked about anew by a retry of the task, and after a denial no other model is asked", async () => {
    await world.runner(quick);
    const [main, spare] = [await failing(3), await failing(0)];
    const ref = await world.start(withSpare(main, spare), "one");
    await approveNext(ref);
    await world.until(ref, () => main.asked.length === 3);
    await waiting(ref);
    await answer(await pending(ref), "denied");
    expect((await world.ended(ref)).lastError?.code).toBe("APPROVAL_DENIED");
    const drafts = [{ type: "retry.scheduled" as const, at: new Date().toISOString(), data: { what: "task" } }];
    await retryTask(world.redis, queue, { task: ref, drafts, resetBudget: false });
    await waiting(ref);
    expect([await phases(ref), main.asked.length, spare.asked.length]).toEqual([["Used", "Void", "Pending"], 3, 0]);
  });

  it("is answered by its person, and by no other model, where its endpoint rests meanwhile", async () => {
    const asker = await world.runner(quick);
    const [main, spare] = [await failing(0), await failing(0)];
    const ref = await world.start(withSpare(main, spare, "main-1"), "one");
    await waiting(ref);
    await asker.drain(1_000);
    // It has begun before the rest does: what is left of that is for the look at the answer.
    await world.runner(quick);
    await rest("main", 1_000);
    await answer(await pending(ref), "denied");
    expect((await world.ended(ref)).lastError?.code).toBe("APPROVAL_DENIED");
    expect(typesOf(await world.trace(ref))).toContain("retry.scheduled");
    expect([main.asked.length, spare.asked.length]).toEqual([0, 0]);
  });

  it("is asked about anew once the approval's time is over", async () => {
    await world.runner(quick);
    const main = await serve(async (response) => {
      if (main.asked.length > 1) return say(response, "Here I am.");
      const [approval] = await readApprovals(world.redis, ref);
      await world.redis.hset(taskKeys(ref).approvals, `${approval?.id}/until`, 0);
      answerJson(response, 503, { error: { message: "not now" } });
    });
    const manifests = [
      agent("a", { model_ref: "main" }),
      system("one", ["a"]),
      endpoint("main", main),
      asking({ models: ["*"] }),
    ];
    const ref = await world.start(manifests, "one");
    await approveNext(ref);
    await world.until(ref, () => main.asked.length === 1);
    await approveNext(ref);
    expect([(await world.ended(ref)).phase, await phases(ref)]).toEqual(["Succeeded", ["Used", "Used"]]);
  });

  it("goes on under it after a runner was lost in the middle of the call", async () => {
    let calls = 0;
    const main = await serve((response) => {
      calls += 1;
      // The first caller is killed while it waits.
      if (calls > 1) say(response, "Here I am.");
    });
    const manifests = [
      agent("a", { model_ref: "main" }),
      system("one", ["a"]),
      endpoint("main", main),
      asking({ models: ["*"] }),
    ];
    const ref = await world.start(manifests, "one");
    const lost = await world.child("lost");
    await approveNext(ref);
    await vi.waitFor(() => expect(calls).toBe(1), { timeout: 10_000 });
    lost.process.kill("SIGKILL");
    await world.runner();
    expect((await world.ended(ref)).phase).toBe("Succeeded");
    expect([calls, await phases(ref)]).toEqual([2, ["Used"]]);
  });
});
