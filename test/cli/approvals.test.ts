// Approvals from the command line: what waits, one with all that is known of it, and the answers with their refusals.
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { type AnswerOptions, runApprove, runDeny } from "../../cli/commands/answer-approval.ts";
import { runDescribe } from "../../cli/commands/describe.ts";
import { runGet } from "../../cli/commands/get.ts";
import { runResolve } from "../../cli/commands/resolve.ts";
import { runRetry } from "../../cli/commands/retry.ts";
import { runTrace } from "../../cli/commands/trace.ts";
import { runWhy } from "../../cli/commands/why.ts";
import { localIdentity } from "../../cli/identity.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { compilePolicies } from "../../policies/policy-set.ts";
import { decisionsIn, readDefinitions } from "../../reconciler/replay/recorded-decision.ts";
import { replayDecisions } from "../../reconciler/replay/replay.ts";
import { readApprovals } from "../../store/approvals/read-approvals.ts";
import { agent, manifest, mockModel, system } from "../runner/world.ts";
import { listen } from "./listen.ts";
import { useTaskWorld } from "./task-world.ts";

const here = useTaskWorld("paid");

function common() {
  return { env: here.world.env, redis: here.server.url, output: "text" as const, verbose: false };
}

async function waitingTask(approval: Readonly<Record<string, unknown>> = {}): Promise<{ ref: TaskRef; name: string }> {
  const rule = { match: { tools: ["pay"] }, effect: "ask", message: "money leaves", approval };
  const policy = manifest("AgentPolicy", "careful", { apply_mode: "global", rules: [rule] });
  const script = [
    { turn: 1, call: [{ tool: "pay", arguments: { amount: 7 } }] },
    { turn: 2, say: "done" },
  ];
  const pay = here.tools.tool("pay", { effect: "write" });
  const manifests = [agent("a", { tools: ["pay"] }), system("one", ["a"]), mockModel("mock", script), pay, policy];
  await here.world.runner();
  const ref = await here.world.start(manifests, "one", { requestedBy: localIdentity() });
  await here.world.until(ref, ({ phase }) => phase === "WaitingApproval");
  const [asked] = await readApprovals(here.world.redis, ref);
  return { ref, name: asked?.name ?? "" };
}

async function answer(run: typeof runApprove, approval: string, more: Partial<AnswerOptions> = {}) {
  const told = listen(tmpdir());
  const code = await run(told.host, { ...common(), approval, ...more });
  return { code, out: told.out(), err: told.err() };
}

async function told(run: (host: ReturnType<typeof listen>["host"]) => Promise<number>): Promise<string> {
  const heard = listen(tmpdir());
  await run(heard.host);
  return heard.out() + heard.err();
}

async function recordedDecisions(ref: TaskRef) {
  return decisionsIn(await here.world.task(ref), readDefinitions(null), await here.world.trace(ref));
}

describe("an approval on the command line", () => {
  it("is listed, described with arguments, rule and line, given, and shown in the trace as a wait", async () => {
    const { ref, name } = await waitingTask();
    const listed = await told((host) => runGet(host, { ...common(), kind: "ap", watch: false }));
    expect(listed).toMatch(/NAMESPACE\s+NAME\s+PHASE/);
    expect(listed).toContain(`Next: countwheel describe approval ${name}`);
    const described = await told((host) => runDescribe(host, { ...common(), kind: "approval", name }));
    for (const part of ['"amount": 7', "spec.rules[0] (test.yaml:1): money leaves", `countwheel approve ${name}`]) {
      expect(described).toContain(part);
    }
    const resolve = { ...common(), task: ref.name, done: true, retry: false, fail: false };
    expect(await told((host) => runResolve(host, resolve))).toContain("waits for an approval");
    const retry = { ...common(), task: ref.name, fromStart: false, resetBudget: false };
    expect(await told((host) => runRetry(host, retry))).toContain("waits for a person's approval");

    const given = await answer(runApprove, name.slice(-10), { reason: "fine", as: "Ada L." });
    expect([given.code, given.out]).toEqual([0, `${name} is approved: pay is called once\n`]);
    expect((await here.world.ended(ref)).phase).toBe("Succeeded");
    const again = await answer(runDeny, name);
    expect([again.code, again.err]).toEqual([
      1,
      `APPROVAL_SETTLED: ${name} is Used already; an approval is answered once\n`,
    ]);
    const trace = await told((host) => runTrace(host, { ...common(), task: ref.name, follow: false }));
    expect(trace).toMatch(new RegExp(`approval of pay .*approved by local:${localIdentity().name}`));
    expect(trace).toContain("because fine");
  });

  it("is refused to who asked for the task, whatever they call themselves, and asked anew by `retry` after a denial", async () => {
    const { ref, name } = await waitingTask({ not_requester: true });
    const refused = await answer(runApprove, name, { as: "somebody-else" });
    expect([refused.code, refused.err]).toEqual([4, expect.stringContaining("APPROVAL_NOT_ALLOWED")]);
    expect((await answer(runDeny, name, { reason: "no" })).code).toBe(0);
    expect((await here.world.ended(ref)).lastError?.code).toBe("APPROVAL_DENIED");
    await told((host) => runRetry(host, { ...common(), task: ref.name, fromStart: false, resetBudget: false }));
    await here.world.until(ref, ({ phase }) => phase === "WaitingApproval");
    const phases = (await readApprovals(here.world.redis, ref)).map(({ phase }) => phase);
    expect(phases).toEqual(["Void", "Pending"]);
  });

  it("of a turn shows its model, what it takes at most and the last message, and what is said of it", async () => {
    const rule = { match: { models: ["mock-1"] }, effect: "ask", message: "it is sent away" };
    const policy = manifest("AgentPolicy", "careful", { apply_mode: "global", rules: [rule] });
    const manifests = [agent("a"), system("one", ["a"]), mockModel("mock", [{ turn: 1, say: "hello" }]), policy];
    await here.world.runner();
    const ref = await here.world.start(manifests, "one", { input: { topic: "birds\u001b[2J" } });
    await here.world.until(ref, ({ phase }) => phase === "WaitingApproval");
    const [asked] = await readApprovals(here.world.redis, ref);
    const name = asked?.name ?? "";
    const listed = await told((host) => runGet(host, { ...common(), kind: "approvals", watch: false }));
    expect(listed).toMatch(/Pending\s+a\s+model mock-1\s+at most [\d,]+ tokens, \$0: Task input:⏎topic: birds/);
    const names = { ...common(), output: "name" as const, kind: "approvals", watch: false };
    expect(await told((host) => runGet(host, names))).toBe(`approval/${name}\n`);
    const described = await told((host) => runDescribe(host, { ...common(), kind: "approval", name }));
    for (const part of [
      "a, turn 1",
      "mock-1 of mock, ModelEndpoint default/mock",
      "The last of 1 message (user):\n  Task input:\n  topic: birds\\u{1b}[2J",
      "spec.rules[0] (test.yaml:1): it is sent away",
    ])
      expect(described).toContain(part);
    const given = await answer(runApprove, name);
    expect([given.code, given.out]).toEqual([
      0,
      `${name} is approved: a turn of mock-1 goes on until it is answered\n`,
    ]);
    await here.world.ended(ref);
    const trace = await told((host) => runTrace(host, { ...common(), task: ref.name, follow: false }));
    expect(trace).toMatch(new RegExp(`approval of turn 1  mock-1 .*approved by local:${localIdentity().name}`));
    const replayed = await recordedDecisions(ref);
    expect(replayed.map(({ what, name, effect, code }) => `${what} ${name} ${effect} ${code}`)).toEqual([
      "model mock-1 ask APPROVAL_REQUIRED",
    ]);
    const source = { kind: "AgentPolicy", name: "careful", namespace: "default" } as const;
    const set = compilePolicies([{ ...source, address: "AgentPolicy/default/careful", spec: policy.spec }], "");
    const recorded = { since: "", decisions: replayed, complete: true };
    expect(replayDecisions(recorded, set)).toMatchObject({ decisions: 1, flips: 0, cannotTell: 0 });
    const why = await told((host) => runWhy(host, { ...common(), decision: asked?.decisionId ?? "" }));
    expect(why).toContain("ask APPROVAL_REQUIRED   model mock-1");
    expect(why).toContain("let a person approve it (countwheel get approvals)");
  });

  it("that nobody knows names one that is near", async () => {
    const { name } = await waitingTask();
    await expect(answer(runApprove, `${name}x`)).rejects.toThrow(`Did you mean \`${name}\`?`);
  });
});
