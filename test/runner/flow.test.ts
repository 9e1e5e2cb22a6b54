// Labels of data on their way through a task: from a tool to a tool, by messages, through memories, over takeovers; and
// calls that must come after others. What a rule forbids is never called.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Manifest } from "../../contracts/manifest.ts";
import type { TaskRecord, TaskRef } from "../../contracts/task.ts";
import { answerApproval } from "../../store/approvals/answer-approval.ts";
import { readApprovals } from "../../store/approvals/read-approvals.ts";
import { openQueue } from "../../store/queue.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { openToolServer, type ToolServer } from "./tool-server.ts";
import { agent, chainVerdict, manifest, mockModel, openWorld, system, type World } from "./world.ts";

describeWithRedis("labelled data", () => {
  let server: TestRedis;
  let tools: ToolServer;
  let mails: ToolServer;
  let world: World;
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    [tools, mails] = await Promise.all([openToolServer(), openToolServer()]);
    for (const one of [tools, mails]) one.answerAtOnce("ok");
    world = openWorld(server.url);
  });
  afterEach(async () => {
    await world.close();
    await Promise.all([tools.close(), mails.close()]);
  });

  const call = (tool: string, args: Readonly<Record<string, unknown>> = {}) => [{ tool, arguments: args }];
  const flow = (data: readonly string[], more: Readonly<Record<string, unknown>> = {}): Manifest =>
    manifest("AgentPolicy", "guard", {
      apply_mode: "global",
      flow: [{ data, to: { sends_to: ["outside"] }, ...more }],
    });
  const crew = (): Manifest[] => [
    tools.tool("inbox", { effect: "read", returns: ["private"] }),
    tools.tool("fetch", { effect: "read", returns: ["untrusted"] }),
    tools.tool("count", { effect: "read" }),
    mails.tool("mail", { effect: "write", sends_to: ["outside"] }),
  ];

  async function ends(manifests: readonly Manifest[], name = "line"): Promise<{ ref: TaskRef; task: TaskRecord }> {
    const ref = await world.start(manifests, name);
    const task = await world.ended(ref);
    expect(await chainVerdict(world, ref)).toBe("intact");
    return { ref, task };
  }

  it("goes with an agent's output to the next agent, and stops what sends it outside", async () => {
    await world.runner();
    const model = mockModel("mock", [
      { agent: "reader", turn: 1, call: call("inbox") },
      { agent: "reader", turn: 2, say: "a summary" },
      { agent: "sender", turn: 1, call: call("mail", { text: "a summary" }) },
      { agent: "sender", turn: 2, say: "sent" },
    ]);
    const agents = [agent("reader", { tools: ["inbox"] }), agent("sender", { tools: ["mail"] })];
    const line = system("line", ["reader", "sender"]);
    const stopped = await ends([...crew(), ...agents, line, model, flow(["private"])]);
    expect(stopped.task).toMatchObject({
      phase: "Failed",
      lastError: {
        code: "FLOW_VIOLATION",
        message: expect.stringContaining("`private` came with inbox (reader#1 m1.c1)"),
        details: { policy: "AgentPolicy/default/guard", rule: "spec.flow[0]" },
      },
    });
    expect(mails.keys).toEqual([]);
    const decided = (await world.trace(stopped.ref)).findLast(({ type }) => type === "tool.decided");
    expect(decided).toMatchObject({ request: { carried: [{ label: "private", from: "inbox (reader#1 m1.c1)" }] } });
    const passed = await ends([...crew(), ...agents, line, model, flow(["private", "untrusted"])]);
    expect([passed.task.phase, mails.keys.length]).toEqual(["Succeeded", 1]);
  });

  it("meets other data at a join", async () => {
    await world.runner();
    const model = mockModel("mock", [
      { agent: "left", turn: 1, call: call("inbox") },
      { agent: "right", turn: 1, call: call("fetch") },
      { agent: "sender", turn: 1, call: call("mail") },
      { say: "done" },
    ]);
    const graph = { left: { next: "sender" }, right: { next: "sender" } };
    const { task } = await ends([
      ...crew(),
      agent("left", { tools: ["inbox"] }),
      agent("right", { tools: ["fetch"] }),
      agent("sender", { tools: ["mail"] }),
      system("line", ["left", "right", "sender"], graph),
      model,
      flow(["private", "untrusted"]),
    ]);
    expect(task.lastError).toMatchObject({ code: "FLOW_VIOLATION", message: expect.stringContaining("right#1 m1.c1") });
    expect(mails.keys).toEqual([]);
  });

  it("comes back out of a memory in another task, with the call that it came from", async () => {
    await world.runner();
    const notes = manifest("Memory", "notes", { provider: "redis" });
    const model = mockModel("mock", [
      { agent: "writer", turn: 1, call: call("inbox") },
      { agent: "writer", turn: 2, call: call("memory.write", { key: "k", value: "a secret" }) },
      { agent: "lister", turn: 1, call: call("memory.list") },
      { agent: "searcher", turn: 1, call: call("memory.search", { query: "secret" }) },
      { agent: "searcher", turn: 2, call: call("mail") },
      { agent: "lister", turn: 2, call: call("mail") },
      { say: "done" },
    ]);
    const spec = (allow: string) => ({ memory: { ref: "notes", allow: [allow] }, tools: ["inbox", "mail"] });
    const all = [...crew(), notes, model, flow(["private"])];
    const names = { writer: "write", lister: "list", searcher: "search" };
    const agents = Object.entries(names).map(([name, allow]) => agent(name, spec(allow)));
    expect((await ends([...all, ...agents, system("line", ["writer"])])).task.phase).toBe("Succeeded");
    for (const name of ["searcher", "lister"]) {
      const { task } = await ends([...all, ...agents, system("line", [name])]);
      expect(task.lastError).toMatchObject({
        code: "FLOW_VIOLATION",
        message: expect.stringContaining("inbox (writer#1 m1.c1) in default/task-1"),
      });
    }
    expect(mails.keys).toEqual([]);
  });

  it("is known to the runner that takes over", async () => {
    const first = await world.runner();
    const slow = await openToolServer();
    const model = mockModel("mock", [
      { turn: 1, call: call("inbox") },
      { turn: 2, call: call("slow") },
      { turn: 3, call: call("mail") },
      { say: "done" },
    ]);
    const manifests = [
      ...crew(),
      slow.tool("slow", { effect: "read" }),
      agent("solo", { tools: ["inbox", "slow", "mail"] }),
      system("line", ["solo"]),
      model,
      flow(["private"]),
    ];
    const arrived = slow.nextCall();
    const ref = await world.start(manifests, "line");
    await arrived;
    await first.drain(0);
    slow.answerAtOnce("late");
    await world.runner();
    const task = await world.ended(ref);
    await slow.close();
    expect(tools.keys).toHaveLength(1);
    expect(task.lastError).toMatchObject({ code: "FLOW_VIOLATION", message: expect.stringContaining("solo#1 m1.c1") });
    expect(mails.keys).toEqual([]);
  });

  it("passes once where a person declassifies the call, and is asked about again", async () => {
    await world.runner();
    const queue = openQueue(world.redis, world.env);
    const model = mockModel("mock", [
      { turn: 1, call: call("inbox") },
      { turn: 2, call: call("mail", { n: 1 }) },
      { turn: 3, call: call("mail", { n: 2 }) },
      { say: "{{last}}" },
    ]);
    const guard = manifest("AgentPolicy", "guard", {
      apply_mode: "global",
      on_violation: "refuse",
      flow: [
        { data: ["private"], to: { tools: ["mail"] }, declassify: "approval", approval: { approvers: ["local:eve"] } },
      ],
    });
    const solo = agent("solo", { tools: ["inbox", "mail"] });
    const ref = await world.start([...crew(), solo, system("line", ["solo"]), model, guard], "line");
    for (const what of ["approved", "denied"] as const) {
      await world.until(ref, ({ phase }) => phase === "WaitingApproval");
      const [approval] = (await readApprovals(world.redis, ref)).filter(({ phase }) => phase === "Pending");
      if (approval === undefined) throw new Error("nothing was asked");
      expect(approval).toMatchObject({
        reasons: [{ rule: "spec.flow[0]", message: expect.stringContaining("inbox (solo#1 m1.c1)") }],
        terms: { approvers: ["local:eve"] },
      });
      const word = { by: { kind: "local", name: "eve" } as const, at: new Date().toISOString() };
      expect(await answerApproval(world.redis, queue, { approval, answer: what, word })).toEqual({ outcome: "ruled" });
    }
    const task = await world.ended(ref);
    await queue.close();
    expect(task.output?.["last_output"]).toContain("APPROVAL_DENIED");
    expect(mails.keys).toHaveLength(1);
  });

  it("does not hold where only recorded, and the trace says what would have been denied", async () => {
    await world.runner();
    const model = mockModel("mock", [
      { turn: 1, call: call("inbox") },
      { turn: 2, call: call("mail") },
      { say: "done" },
    ]);
    const audit = manifest("AgentPolicy", "guard", {
      apply_mode: "global",
      mode: "audit",
      flow: [{ data: ["private"], to: { tools: ["mail"] } }],
    });
    const solo = agent("solo", { tools: ["inbox", "mail"] });
    const { ref, task } = await ends([...crew(), solo, system("line", ["solo"]), model, audit]);
    expect([task.phase, mails.keys.length]).toEqual(["Succeeded", 1]);
    const codes = (await world.trace(ref)).filter(({ type }) => type === "tool.decided");
    expect(codes.map(({ effect, code, enforced }) => [effect, code, enforced])).toEqual([
      ["allow", "ALLOWED", true],
      ["deny", "FLOW_VIOLATION", false],
    ]);
  });

  it("keeps calls in their sequence, whichever agent made the one before", async () => {
    await world.runner();
    const order = manifest("AgentPolicy", "order", {
      apply_mode: "global",
      on_violation: "refuse",
      sequence: [
        { tools: ["mail"], requires_before: ["count"] },
        { tools: ["inbox"], not_after: ["mail"] },
      ],
    });
    const model = mockModel("mock", [
      { agent: "early", turn: 1, call: call("mail") },
      { agent: "early", turn: 2, call: call("count") },
      { agent: "late", turn: 1, call: call("mail") },
      { agent: "late", turn: 2, call: call("inbox") },
      { say: "{{last}}" },
    ]);
    const agents = [agent("early", { tools: ["mail", "count"] }), agent("late", { tools: ["mail", "inbox"] })];
    const { ref, task } = await ends([...crew(), ...agents, system("line", ["early", "late"]), model, order]);
    expect(task.phase).toBe("Succeeded");
    const decided = (await world.trace(ref)).filter(({ type }) => type === "tool.decided");
    expect(decided.map(({ tool, code }) => `${String(tool)} ${String(code)}`)).toEqual([
      "mail FLOW_VIOLATION",
      "count ALLOWED",
      "mail ALLOWED",
      "inbox FLOW_VIOLATION",
    ]);
    expect([tools.keys.length, mails.keys.length]).toEqual([1, 1]);
  });
});
