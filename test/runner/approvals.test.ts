// Calls that a person has to approve: asked once, bound to what is asked, used once, and waited for by nobody's hands.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type ApprovalRecord, askedFacts } from "../../contracts/approval.ts";
import type { AuditEntry } from "../../contracts/audit/entry.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { listApprovals, readApprovals } from "../../store/approvals/read-approvals.ts";
import { readAuditLog } from "../../store/audit-log.ts";
import { readBudgets } from "../../store/budgets.ts";
import { dropTask } from "../../store/drop-task.ts";
import { environmentKeys, taskKeys } from "../../store/keys.ts";
import { readOutbox } from "../../store/outbox.ts";
import { type ActivationQueue, openQueue } from "../../store/queue.ts";
import { requestCancel } from "../../store/tasks.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { ADA, approvalDesk, BEN } from "./approval-desk.ts";
import { hostileSpec, makeLog, type ServerLog } from "./mcp/servers.ts";
import { openToolServer, type ToolServer } from "./tool-server.ts";
import { agent, chainVerdict, manifest, mockModel, openWorld, system, typesOf, type World } from "./world.ts";

let server: TestRedis;
let tools: ToolServer;
let world: World;
let queue: ActivationQueue;

beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  tools = await openToolServer();
  tools.answerAtOnce("paid");
  world = openWorld(server.url);
  queue = openQueue(world.redis, world.env);
});
afterEach(async () => {
  await world.close();
  await queue.close();
  await tools.close();
});

function asking(
  approval: Readonly<Record<string, unknown>> = {},
  more: Readonly<Record<string, unknown>> = {},
): Manifest {
  const rule = { match: { tools: ["pay"] }, effect: "ask", message: "money leaves", approval };
  return manifest("AgentPolicy", "careful", { apply_mode: "global", rules: [rule], ...more });
}

const ONE_CALL = [
  { turn: 1, call: [{ tool: "pay", arguments: { amount: 7, password: "hunter22" } }] },
  { turn: 2, say: "read {{last}}" },
];

function paying(policy = asking(), script: readonly unknown[] = ONE_CALL): Manifest[] {
  const pay = tools.tool("pay", { effect: "write" });
  return [agent("a", { tools: ["pay"] }), system("one", ["a"]), mockModel("mock", script), pay, policy];
}

const { waiting, pending, phases, answer } = approvalDesk(() => ({ world, queue }));

/** What the audit log says of approvals. */
async function decided(): Promise<readonly AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for await (const entry of readAuditLog(world.redis, world.env)) entries.push(entry);
  return entries.filter(({ kind }) => kind === "approval.decided");
}

const callsIn = async (log: ServerLog): Promise<number> =>
  (await log.lines()).filter((line) => line.startsWith("call ")).length;

const codes = async (ref: TaskRef) =>
  (await world.trace(ref))
    .filter(({ type }) => type === "tool.decided")
    .map((event) => `${String(event["point"])} ${String(event["code"])}`);

describe("a call that a rule asks about", () => {
  it("waits outside of every runner, is approved, and happens once", async () => {
    const runner = await world.runner();
    const ref = await world.start(paying(), "one");
    const task = await waiting(ref);
    expect([task.phase, task.activations[0]?.phase, tools.keys]).toEqual(["WaitingApproval", "Waiting", []]);
    await vi.waitFor(() => expect(runner.running()).toBe(0), 10_000);
    const told = await readOutbox(world.redis, world.env, 10);
    expect(told.map(({ entry }) => entry)).toMatchObject([{ kind: "task", task: { name: ref.name } }]);
    const approval = await pending(ref);
    expect(approval).toMatchObject({
      tool: "pay",
      arguments: { amount: 7, password: "[secret]" },
      reasons: [{ policy: "AgentPolicy/default/careful", rule: "spec.rules[0]", message: "money leaves" }],
      terms: { ttlMs: 600_000, notRequester: false, approvers: null },
    });
    expect(await answer(approval, "approved", BEN, "fine")).toEqual({ outcome: "ruled" });
    const ended = await world.ended(ref);
    expect([ended.phase, ended.output?.["last_output"], ended.activations[0]?.attempts]).toEqual([
      "Succeeded",
      "read paid",
      1,
    ]);
    expect([tools.keys.length, await phases(ref)]).toEqual([1, ["Used"]]);
    const events = await world.trace(ref);
    expect(typesOf(events).filter((type) => /^(tool|approval)/.test(type))).toEqual([
      "tool.decided",
      "approval.requested",
      "approval.decided",
      "tool.decided",
      "tool.called",
      "tool.answered",
    ]);
    expect(await codes(ref)).toEqual(["before_tool APPROVAL_REQUIRED", "approval_resume ALLOWED"]);
    expect(events.find(({ type }) => type === "approval.decided")).toMatchObject({ by: "github:ben", message: "fine" });
    expect(JSON.stringify(events)).not.toContain("hunter22");
    expect(await chainVerdict(world, ref)).toBe("intact");
  });

  it("stands in the audit log with who answered what, once", async () => {
    await world.runner();
    const ref = await world.start(paying(), "one");
    await waiting(ref);
    const approval = await pending(ref);
    await answer(approval, "denied", BEN, "not this month");
    await answer(approval, "approved", ADA);
    const { name, decisionId } = approval;
    const about = { task: `default/${ref.name}`, approval: name, ...askedFacts(approval), decisionId };
    expect(about).toMatchObject({ tool: "pay", argumentsDigest: expect.stringMatching(/^sha256:/) });
    expect(await decided()).toEqual([
      expect.objectContaining({ ...about, answer: "denied", by: "github:ben", message: "not this month" }),
    ]);
  });

  it("is denied at once, and nobody is asked, where a budget that tasks share is spent already", async () => {
    await world.runner();
    const budget = { budgets: [{ per: ["day"], steps: 1 }] };
    const manifests = paying(asking({}, budget));
    await world.apply(manifests);
    const ended = await world.ended(await world.start(manifests, "one"));
    expect(ended.lastError?.code).toBe("BUDGET_STEPS");
    expect(await listApprovals(world.redis, world.env)).toEqual([]);
    const [ledger] = await readBudgets(world.redis, world.env);
    expect(ledger).toMatchObject({ spent: 1, reserved: 0 });
  });

  it("is listed as long as its task is there", async () => {
    await world.runner();
    const ref = await world.start(paying(), "one");
    await waiting(ref);
    await answer(await pending(ref), "denied");
    await world.ended(ref);
    const ids = async () => (await listApprovals(world.redis, world.env)).map(({ task }) => task);
    expect(await ids()).toEqual([ref.name]);
    await vi.waitFor(async () => expect(await dropTask(world.redis, ref)).toBe("dropped"), 10_000);
    expect([await ids(), await world.redis.exists(environmentKeys(world.env).asking)]).toEqual([[], 0]);
  });

  it("is answered once: a doubled approval and a late denial change nothing", async () => {
    const ref = await world.start(paying(), "one");
    await world.runner();
    await waiting(ref);
    const approval = await pending(ref);
    const answers = await Promise.all([answer(approval, "approved"), answer(approval, "approved", BEN)]);
    expect(answers.map(({ outcome }) => outcome).toSorted()).toEqual(["ruled", "settled"]);
    expect((await answer(approval, "denied")).outcome).toBe("settled");
    await world.ended(ref);
    expect(tools.keys.length).toBe(1);
    expect(typesOf(await world.trace(ref)).filter((type) => type === "approval.decided")).toHaveLength(1);
  });

  it("is told to the model where it is denied and the policy says `refuse`, and ends the task where not", async () => {
    await world.runner();
    const refused = await world.start(paying(asking({}, { on_violation: "refuse" })), "one");
    const stopped = await world.start(paying(), "one");
    for (const ref of [refused, stopped]) {
      await waiting(ref);
      await answer(await pending(ref), "denied", ADA, "not this month");
    }
    const [went, ended] = [await world.ended(refused), await world.ended(stopped)];
    expect(went.phase).toBe("Succeeded");
    expect(went.output?.["last_output"]).toMatch(/APPROVAL_DENIED.*denied by local:ada: not this month/);
    expect([ended.phase, ended.lastError?.code]).toEqual(["Failed", "APPROVAL_DENIED"]);
    expect(ended.lastError?.details).toMatchObject({ policy: "AgentPolicy/default/careful", rule: "spec.rules[0]" });
    expect(tools.keys).toEqual([]);
  });

  it("expires by the sweep, and cannot be approved afterwards", async () => {
    await world.runner();
    const ref = await world.start(paying(asking({ ttl: "300ms" })), "one");
    const ended = await world.ended(ref);
    expect([ended.phase, ended.lastError?.code, await phases(ref)]).toEqual([
      "Failed",
      "APPROVAL_EXPIRED",
      ["Expired"],
    ]);
    const [late] = await readApprovals(world.redis, ref);
    expect((await answer(late as ApprovalRecord, "approved")).outcome).toBe("settled");
    expect(tools.keys).toEqual([]);
    const told = { task: `default/${ref.name}`, approval: late?.name, tool: "pay", answer: "expired" };
    expect(await decided()).toMatchObject([told]);
    expect((await decided())[0]).not.toHaveProperty("by");
  });

  it("stands in the audit log as approved and as expired where nobody used the answer in time", async () => {
    const runner = await world.runner();
    const ref = await world.start(paying(), "one");
    await waiting(ref);
    await runner.drain(0);
    const approval = await pending(ref);
    await answer(approval, "approved");
    await world.redis.hset(taskKeys(ref).approvals, `${approval.id}/until`, 0);
    await world.runner();
    expect((await world.ended(ref)).lastError?.code).toBe("APPROVAL_EXPIRED");
    expect((await decided()).map((entry) => entry["answer"])).toEqual(["approved", "expired"]);
  });

  it("is asked about anew where the policies have changed since, and an approval of before does not hold", async () => {
    const runner = await world.runner();
    const manifests = paying();
    await world.apply(manifests);
    const ref = await world.start(manifests, "one");
    await waiting(ref);
    const first = await pending(ref);
    await runner.drain(0);
    await answer(first, "approved");
    await world.apply([
      ...manifests,
      manifest("AgentPolicy", "more", { apply_mode: "global", blocked_tools: ["other"] }),
    ]);
    await world.runner();
    await waiting(ref);
    expect(await codes(ref)).toEqual([
      "before_tool APPROVAL_REQUIRED",
      "approval_resume APPROVAL_MISMATCH",
      "before_tool APPROVAL_REQUIRED",
    ]);
    expect([await phases(ref), tools.keys]).toEqual([["Void", "Pending"], []]);
    await answer(await pending(ref), "approved");
    expect((await world.ended(ref)).phase).toBe("Succeeded");
    expect(tools.keys.length).toBe(1);
  });

  it("is asked about anew where the tool is another one by now, and an approval of before does not hold", async () => {
    const log = await makeLog();
    const tool = "drift--echo-text";
    const script = [
      { turn: 1, call: [{ tool, arguments: { text: "hello" } }] },
      { turn: 2, say: "read {{last}}" },
    ];
    const rules = [{ match: { tools: [tool] }, effect: "ask" }];
    const runner = await world.runner();
    const ref = await world.start(
      [
        agent("a", { tools: [tool] }),
        system("one", ["a"]),
        mockModel("mock", script),
        // Each process of it describes its tool in other words.
        manifest("McpServer", "drift", { ...hostileSpec("drifting", log.path) }),
        manifest("AgentPolicy", "careful", { apply_mode: "global", rules }),
      ],
      "one",
    );
    await waiting(ref);
    const first = await pending(ref);
    await runner.drain(0);
    await answer(first, "approved");
    await world.runner();
    await waiting(ref);
    expect(await codes(ref)).toEqual([
      "before_tool APPROVAL_REQUIRED",
      "approval_resume APPROVAL_MISMATCH",
      "before_tool APPROVAL_REQUIRED",
    ]);
    const second = await pending(ref);
    expect(second).toMatchObject({ arguments: { text: "hello" } });
    expect([second.binding === first.binding, await phases(ref), await callsIn(log)]).toEqual([
      false,
      ["Void", "Pending"],
      0,
    ]);
    await answer(second, "approved");
    expect((await world.ended(ref)).output?.["last_output"]).toBe("read hello");
    expect([await phases(ref), await callsIn(log)]).toEqual([["Void", "Used"], 1]);
    await world.close();
    await log.remove();
  });

  it("is denied by a policy that forbids it meanwhile, whatever was approved", async () => {
    const runner = await world.runner();
    const manifests = paying();
    await world.apply(manifests);
    const ref = await world.start(manifests, "one");
    await waiting(ref);
    await runner.drain(0);
    await answer(await pending(ref), "approved");
    await world.apply([
      ...manifests,
      manifest("AgentPolicy", "never", { apply_mode: "global", blocked_tools: ["pay"] }),
    ]);
    await world.runner();
    expect((await world.ended(ref)).lastError?.code).toBe("TOOL_BLOCKED");
    expect(tools.keys).toEqual([]);
  });

  it("waits for several answers at once, which come in any order", async () => {
    await world.runner();
    const names = ["x", "y", "z"];
    const calls = names.flatMap((name) => [
      { agent: name, turn: 1, call: [{ tool: "pay", arguments: { for: name } }] },
      { agent: name, turn: 2, say: `${name} done` },
    ]);
    const manifests = [
      ...names.map((name) => agent(name, { tools: ["pay"] })),
      agent("first"),
      system("fan", ["first", ...names], { first: { edges: names.map((to) => ({ to })) } }),
      mockModel("mock", calls),
      tools.tool("pay", { effect: "write" }),
      asking(),
    ];
    const ref = await world.start(manifests, "fan");
    await world.until(ref, (task) => task.activations.filter(({ phase }) => phase === "Waiting").length === 3);
    const found = await readApprovals(world.redis, ref);
    for (const approval of found.toReversed()) expect((await answer(approval, "approved")).outcome).toBe("ruled");
    expect((await world.ended(ref)).phase).toBe("Succeeded");
    expect([tools.keys.length, await phases(ref)]).toEqual([3, ["Used", "Used", "Used"]]);
  });

  it("ends with a cancelled task, at once", async () => {
    await world.runner();
    const ref = await world.start(paying(), "one");
    await waiting(ref);
    const approval = await pending(ref);
    await requestCancel(world.redis, ref, "ada");
    expect((await world.task(ref)).phase).toBe("Cancelled");
    expect([await phases(ref), (await answer(approval, "approved")).outcome]).toEqual([["Void"], "ended"]);
    expect(tools.keys).toEqual([]);
  });

  it("is asked for each call anew: an approval is none for other arguments", async () => {
    await world.runner();
    const twice = [
      {
        turn: 1,
        call: [
          { tool: "pay", arguments: { n: 1 } },
          { tool: "pay", arguments: { n: 2 } },
        ],
      },
      { turn: 2, say: "done" },
    ];
    const ref = await world.start(paying(asking(), twice), "one");
    for (const calls of [0, 1]) {
      await waiting(ref);
      expect(tools.keys.length).toBe(calls);
      await answer(await pending(ref), "approved");
      await world.until(ref, ({ phase }) => phase !== "Running" || tools.keys.length > calls);
    }
    expect((await world.ended(ref)).phase).toBe("Succeeded");
    expect(tools.keys.length).toBe(2);
  });
});

describe("who may answer", () => {
  it("is whom the policy names, and not whoever asked for the task", async () => {
    await world.runner();
    const policy = asking({ ttl: "720h", not_requester: true, approvers: ["local:ada", "github:ben"] });
    const ref = await world.start(paying(policy), "one", { requestedBy: ADA });
    await waiting(ref);
    const approval = await pending(ref);
    expect(await answer(approval, "approved", { kind: "local", name: "ben" })).toMatchObject({
      outcome: "not-allowed",
    });
    expect(await answer(approval, "approved", ADA)).toMatchObject({
      outcome: "not-allowed",
      why: expect.stringContaining("not_requester"),
    });
    expect((await answer(approval, "approved", BEN)).outcome).toBe("ruled");
    expect((await world.ended(ref)).phase).toBe("Succeeded");
  });
});
