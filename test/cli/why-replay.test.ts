// Decisions afterwards: what changed policies would have decided of them, in a command and in a plan, and why they were.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runApply } from "../../cli/commands/apply.ts";
import { runPlan } from "../../cli/commands/plan.ts";
import { type PolicyReplayOptions, runPolicyReplay } from "../../cli/commands/policy-replay.ts";
import { runRun } from "../../cli/commands/run.ts";
import { type Explained, runWhy } from "../../cli/commands/why.ts";
import type { Plan, PolicyReplay } from "../../contracts/plan.ts";
import type { TraceEvent } from "../../contracts/trace.ts";
import { listTasks, readTrace } from "../../store/tasks.ts";
import { type TestRepository, testRepository } from "../git.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { openWorld, type World } from "../runner/world.ts";
import { listenIn } from "./manifests.ts";

const SCRIPT = [
  {
    turn: 1,
    call: [
      { tool: "memory.write", arguments: { key: "notes", value: "first" } },
      { tool: "memory.write", arguments: { key: "plans", value: "x".repeat(3_000) } },
      { tool: "memory.read", arguments: { key: "notes" } },
    ],
  },
  { say: "done" },
];
const AGENTS = `kind: ModelEndpoint
metadata: {name: m}
spec:
  provider: mock
  default_model: small
  options:
    script: '${JSON.stringify(SCRIPT)}'
---
kind: Memory
metadata: {name: notes}
spec: {provider: in-memory, sends_to: [shelf]}
---
kind: Agent
metadata: {name: clerk}
spec:
  model_ref: m
  memory: {ref: notes, allow: [read, write]}
---
kind: AgentSystem
metadata: {name: desk}
spec: {agents: [clerk]}
`;
const policy = (rules: string): string => `kind: AgentPolicy
metadata: {name: guard}
spec:
  apply_mode: global
  on_violation: refuse
${rules}`;
const BLOCKED = policy("  blocked_tools:\n    - memory.read\n");

describeWithRedis("decisions afterwards", () => {
  let server: TestRedis;
  let repository: TestRepository;
  let world: World;
  let room: Awaited<ReturnType<typeof listenIn>>;
  let events: readonly TraceEvent[] = [];

  beforeAll(async () => {
    server = await testRedis();
    repository = await testRepository({ "agents/all.yaml": AGENTS, "agents/policy.yaml": BLOCKED });
    world = openWorld(server.url);
    room = await listenIn();
    const { host, flags } = { host: here(), flags: common() };
    expect(await runApply(host, { ...flags, yes: true, ref: "HEAD", path: "agents" })).toBe(0);
    await world.runner();
    expect(await runRun(host, { ...flags, system: "desk", input: [], wait: true, timeout: 15_000 })).toBe(0);
    const [task] = await listTasks(world.redis, world.env);
    events = await readTrace(world.redis, { env: world.env, namespace: "default", name: task?.name ?? "" });
  });
  afterAll(async () => {
    await world.close();
    await room.remove();
    await repository.remove();
    await server.stop();
  });

  const here = () => ({ ...room.host, cwd: repository.folder });
  const common = () => ({ env: world.env, redis: server.url, output: "json", verbose: false }) as const;
  async function told(run: () => Promise<number>): Promise<{ code: number; out: string }> {
    room.told.out = "";
    const code = await run();
    return { code, out: room.told.out };
  }
  async function replay(rules: string, more: Partial<PolicyReplayOptions> = {}) {
    await writeFile(join(repository.folder, "agents/policy.yaml"), policy(rules));
    const flags = { ...common(), since: 86_400_000, limit: 100, detailedExitcode: true, folder: "agents", ...more };
    const { code, out } = await told(() => runPolicyReplay(here(), flags));
    return { code, value: JSON.parse(out) as PolicyReplay };
  }
  const decided = (tool: string): TraceEvent | undefined =>
    events.find((event) => event.type === "tool.decided" && event["tool"] === tool);

  it("keeps what a decision was made from, without arguments, which stand with the call", () => {
    expect(decided("memory.write")).toMatchObject({
      request: {
        system: "desk",
        tool: { name: "memory.write", known: true, operationClasses: ["write"] },
        usage: { tokens: expect.any(Number) },
        realPaths: {},
      },
    });
    expect(JSON.stringify(decided("memory.write")?.["request"])).not.toContain("first");
  });

  it("comes to the same under the same policies, and counts nothing twice", async () => {
    const { code, value } = await replay("  blocked_tools: [memory.read]\n");
    expect(code).toBe(0);
    expect(value).toMatchObject({ decisions: 5, flips: 0, cannotTell: 0, complete: true, items: [] });
  });

  it("lists what would now be denied and what would now be allowed, with the rule", async () => {
    const { code, value } = await replay("  blocked_tools: [memory.write]\n");
    expect(code).toBe(2);
    expect(value).toMatchObject({ decisions: 5, flips: 3, denied: 2, cannotTell: 0 });
    const flips = value.items.map(({ name, was, now }) => `${name} ${was.effect} ${now.effect} ${now.code}`);
    expect(flips.toSorted()).toEqual([
      "memory.read deny allow ALLOWED",
      "memory.write allow deny TOOL_BLOCKED",
      "memory.write allow deny TOOL_BLOCKED",
    ]);
    expect(value.items.find(({ name }) => name === "memory.write")?.reasons).toEqual([
      {
        policy: "AgentPolicy/default/guard",
        rule: "spec.blocked_tools[0]",
        message: expect.stringContaining("memory.write"),
      },
    ]);
  });

  it("lists turns that a person would now be asked about", async () => {
    const rules = "  blocked_tools: [memory.read]\n  rules:\n    - {match: {models: [small]}, effect: ask}\n";
    const { value } = await replay(rules);
    expect(value).toMatchObject({ flips: 2, denied: 0, cannotTell: 0 });
    for (const { what, name, was, now } of value.items)
      expect([what, name, was.effect, now.effect]).toEqual(["model", "small", "allow", "ask"]);
  });

  it("judges arguments exactly where they were recorded, and says where nobody can tell", async () => {
    const rules =
      "  blocked_tools: [memory.read]\n  rules:\n    - match: {tools: [memory.write]}\n      must: {key: plans}\n";
    const { value } = await replay(rules);
    // The other write's text was cut in the trace, so its arguments are not those of the call.
    expect(value).toMatchObject({ flips: 1, cannotTell: 1, items: [{ now: { code: "TOOL_ARG_FORBIDDEN" } }] });
    expect((await replay(rules)).value.items).toEqual(value.items);
  });

  it("knows what was called before each decision, also where arguments were cut", async () => {
    const once =
      "  blocked_tools: [memory.read]\n  sequence:\n    - {tools: [memory.write], not_after: [memory.write]}\n";
    const { value } = await replay(once);
    expect(value).toMatchObject({ flips: 1, denied: 1, cannotTell: 0, items: [{ now: { code: "FLOW_VIOLATION" } }] });
    expect(value.items[0]?.reasons).toMatchObject([{ rule: "spec.sequence[0]" }]);
    const given =
      "  blocked_tools: [memory.read]\n  input_labels: [a]\n  flow:\n    - {data: [a], to: {sends_to: [shelf]}}\n";
    expect((await replay(given)).value).toMatchObject({ flips: 2, denied: 2, cannotTell: 0 });
  });

  it("looks at so many decisions and no more, the newest first, and no further back than asked", async () => {
    const few = (await replay("  blocked_tools: [memory.read]\n", { limit: 2 })).value;
    expect(few).toMatchObject({ decisions: 2, complete: false });
    expect((await replay("  blocked_tools: []\n", { since: 0 })).value).toMatchObject({ decisions: 0, flips: 0 });
  });

  it("stands in the plan where policies change, and is no part of its digest", async () => {
    await writeFile(join(repository.folder, "agents/policy.yaml"), policy("  allowed_models: [large]\n"));
    const flags = { ...common(), against: "state", detailedExitcode: false, folder: "agents" };
    const planned = async () => JSON.parse((await told(() => runPlan(here(), flags))).out) as Plan;
    expect((await planned()).replay).toMatchObject({ decisions: 5, flips: 3, denied: 2 });
    room.told.out = "";
    await runPlan(here(), { ...flags, output: "text" });
    expect(room.told.out).toMatch(
      /Policy {2}sha256:\w+… {2}of the 5 decisions since \S+, 2 would now be denied, 1 would change/,
    );
    room.told.out = "";
    await runPlan(here(), { ...flags, output: "markdown" });
    expect(room.told.out).toContain("| model `small` by `clerk`");
    await writeFile(join(repository.folder, "agents/policy.yaml"), BLOCKED);
    expect((await planned()).replay).toBeUndefined();
  });

  it("says why: the rule, its line at the commit, and how to allow the call", async () => {
    const decision = String(decided("memory.read")?.["decisionId"]);
    const { out } = await told(() => runWhy(here(), { ...common(), decision }));
    expect(JSON.parse(out) as Explained).toMatchObject({
      decisionId: decision,
      tool: "memory.read",
      arguments: { key: "notes" },
      effect: "deny",
      code: "TOOL_BLOCKED",
      reasons: [
        {
          policy: "AgentPolicy/default/guard",
          rule: "spec.blocked_tools[0]",
          source: { file: "agents/policy.yaml", line: 7, commit: expect.stringMatching(/^[0-9a-f]{40}$/) },
        },
      ],
      allow: [expect.stringContaining("agents/policy.yaml:7")],
    });
    room.told.out = "";
    await runWhy(here(), { ...common(), output: "text", decision });
    expect(room.told.out).toContain("deny TOOL_BLOCKED   memory.read");
    expect(room.told.out).toMatch(/spec\.blocked_tools\[0\], tool {3}agents\/policy\.yaml:7 at [0-9a-f]{7}/);
    await expect(runWhy(here(), { ...common(), decision: "nobody" })).rejects.toMatchObject({
      code: "DECISION_NOT_FOUND",
    });
  });

  it("says why of turns of a model: one that went on, and one that a person is asked about", async () => {
    const turn = (told: readonly TraceEvent[]): string =>
      String(
        told.find(({ type, ...event }) => type === "turn.decided" && event["point"] === "before_model")?.["decisionId"],
      );
    const allowed = await told(() => runWhy(here(), { ...common(), decision: turn(events) }));
    const facts = JSON.parse(allowed.out) as Explained;
    expect(facts).toMatchObject({ model: "small", point: "before_model", effect: "allow", code: "ALLOWED", allow: [] });
    expect(facts).not.toHaveProperty("tool");

    await repository.commit({
      "agents/policy.yaml": policy("  rules:\n    - {match: {models: [small]}, effect: ask}\n"),
    });
    await told(() => runApply(here(), { ...common(), yes: true, ref: "HEAD", path: "agents" }));
    await told(() => runRun(here(), { ...common(), system: "desk", input: [], wait: false, timeout: 0 }));
    const task = (await listTasks(world.redis, world.env)).find(({ phase }) => phase !== "Succeeded");
    const ref = { env: world.env, namespace: "default", name: task?.name ?? "" };
    await world.until(ref, ({ phase }) => phase === "WaitingApproval");
    const decision = turn(await world.trace(ref));
    const { out } = await told(() => runWhy(here(), { ...common(), decision }));
    expect(JSON.parse(out)).toMatchObject({
      model: "small",
      effect: "ask",
      code: "APPROVAL_REQUIRED",
      reasons: [{ rule: "spec.rules[0]", path: "model", source: { file: "agents/policy.yaml", line: 7 } }],
      allow: [expect.stringMatching(/^let a person approve it .* agents\/policy\.yaml:7$/)],
    });
    const shown = await told(() => runWhy(here(), { ...common(), output: "text", decision }));
    expect(shown.out).toContain("ask APPROVAL_REQUIRED   model small");
  });
});
