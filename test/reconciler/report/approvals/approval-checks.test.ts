// Approvals as checks on the commit whose task asks: what they show, who may press, how they end, and that there is one for
// each, whatever fails on the way. A real runner asks, and goes on.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Loop } from "../../../../cli/reconcile/environment.ts";
import { openHands } from "../../../../cli/reconcile/hands.ts";
import type { ReconcileOptions } from "../../../../cli/reconcile/options.ts";
import type { ApprovalRecord } from "../../../../contracts/approval.ts";
import type { Manifest } from "../../../../contracts/manifest.ts";
import type { TaskRef } from "../../../../contracts/task.ts";
import {
  APPROVAL_LIMITS,
  type ApprovalMemory,
  tellApprovals,
} from "../../../../reconciler/report/approvals/tell-approvals.ts";
import type { ClickDesk } from "../../../../reconciler/report/commands/run-approval-click.ts";
import { runClicks } from "../../../../reconciler/report/commands/run-clicks.ts";
import { expireApprovals } from "../../../../store/approvals/answer-approval.ts";
import { readAuditLog } from "../../../../store/audit-log.ts";
import { githubKeys } from "../../../../store/github-keys.ts";
import { taskKeys } from "../../../../store/keys.ts";
import { type Click, noteClick } from "../../../../store/page-clicks.ts";
import { type ActivationQueue, openQueue } from "../../../../store/queue.ts";
import { requestCancel } from "../../../../store/tasks.ts";
import { listen } from "../../../cli/listen.ts";
import { type GithubServer, startGithub } from "../../../github/server.ts";
import type { CheckRun } from "../../../github/state.ts";
import { type TestRedis, testRedis } from "../../../redis.ts";
import { approvalDesk, BEN } from "../../../runner/approval-desk.ts";
import { openToolServer, type ToolServer } from "../../../runner/tool-server.ts";
import { agent, manifest, mockModel, openWorld, system, type World } from "../../../runner/world.ts";
import { connect, TOKENS } from "../builders.ts";

const COMMIT = "d".repeat(40);

let server: TestRedis;
let tools: ToolServer;
let world: World;
let queue: ActivationQueue;
let github: GithubServer;
let said: string[];
let memory: ApprovalMemory;

beforeAll(async () => {
  server = await testRedis();
  tools = await openToolServer();
  tools.answerAtOnce("paid");
});
afterAll(async () => {
  await tools.close();
  await server.stop();
});
beforeEach(async () => {
  github = await startGithub(TOKENS);
  github.state.permissions.set("ada", "write").set("ben", "write");
  world = openWorld(server.url);
  queue = openQueue(world.redis, world.env);
  [said, memory] = [[], { isMute: false, isCrowded: false }];
});
afterEach(async () => {
  await world.close();
  await queue.close();
  await github.stop();
  expect(github.violations).toEqual([]);
});

const { waiting, pending, answer } = approvalDesk(() => ({ world, queue }));

function paying(approval: object = {}, args: object = { amount: 7, password: "hunter22" }): Manifest[] {
  const rule = { match: { tools: ["pay"] }, effect: "ask", message: "money leaves", approval };
  const script = [
    { turn: 1, call: [{ tool: "pay", arguments: args }] },
    { turn: 2, say: "read {{last}}" },
  ];
  const policy = manifest("AgentPolicy", "careful", { apply_mode: "global", rules: [rule] });
  const pay = tools.tool("pay", { effect: "write" });
  return [agent("a", { tools: ["pay"] }), system("one", ["a"]), mockModel("mock", script), pay, policy];
}

interface Asked {
  readonly ref: TaskRef;
  readonly approval: ApprovalRecord;
}

/** A task of the commit that waits. */
async function asked(manifests = paying(), more: object = {}): Promise<Asked> {
  const source = { commit: COMMIT, file: "task.yaml", line: 1 };
  const ref = await world.start(manifests, "one", { source, ...more });
  await waiting(ref);
  return { ref, approval: await pending(ref) };
}

/** As `reconcile` puts it together. */
function desk(more: Partial<ClickDesk> = {}): ClickDesk {
  const { redis, env } = world;
  const loop = { writer: { redis, queue, env } } as unknown as Loop;
  return {
    redis,
    env,
    github: connect(github.url),
    hands: openHands(listen("/").host, {} as ReconcileOptions, loop, () => undefined),
    now: () => new Date(),
    planAnew: () => undefined,
    buttons: true,
    say: (line) => void said.push(line),
    signal: new AbortController().signal,
    ...more,
  };
}

async function look(more: Partial<ClickDesk> = {}): Promise<void> {
  expect(await tellApprovals(desk(more), memory)).toBeNull();
}

function only(): CheckRun {
  expect(github.state.checkRuns).toHaveLength(1);
  return github.state.checkRuns[0] as CheckRun;
}

const labels = (run: CheckRun): unknown[] => run.actions.map(({ label }) => label);

async function press(run: CheckRun, verb: "approve" | "deny", more: Partial<Click> = {}): Promise<void> {
  const button = run.actions.map(({ identifier }) => String(identifier)).find((name) => name.startsWith(verb)) ?? "";
  const about = { checkRun: run.id, externalId: run.externalId, head: run.headSha, button };
  const { redis, env } = world;
  await noteClick(redis, env, { ...about, login: "ada", person: 7, ...more }, Date.now());
  await runClicks(desk());
  await look();
}

async function commands(): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const { kind, by, command, outcome } of readAuditLog(world.redis, world.env))
    if (kind === "command") found.push([by, command, outcome]);
  return found;
}

describe("an approval on the commit that asked", () => {
  it("shows who asks for what, by which rule and until when, and a press lets the task go on", async () => {
    await world.runner();
    await look();
    expect(github.requests).toEqual([]);
    const { ref, approval } = await asked();
    await look();
    const run = only();
    expect(run).toMatchObject({
      name: `countwheel / approval ${approval.name} (${world.env})`,
      headSha: COMMIT,
      externalId: `countwheel:approval:${world.env}:${approval.id}:${approval.binding}`,
      conclusion: "action_required",
      title: "a: a call of pay waits for a person",
      annotations: [],
    });
    expect(run.summary).toContain("`AgentPolicy/default/careful` `spec.rules[0]`, `test.yaml:1`: money leaves");
    expect(run.summary).toContain(`until \`${approval.expiresAt}\``);
    expect(run.text).toContain('"amount": 7,\n  "password": "[secret]"');
    expect(labels(run)).toEqual(["Approve", "Deny"]);
    const before = github.requests.length;
    for (let time = 0; time < 3; time += 1) await look();
    expect(github.requests).toHaveLength(before);

    await press(run, "approve");
    expect(only()).toMatchObject({
      conclusion: "success",
      actions: [],
      title: expect.stringContaining("approved by github:ada"),
    });
    expect(only().summary).toMatch(/\*\*Answered\*\* by `github:ada` at `\S+`/);
    expect((await world.ended(ref)).output?.["last_output"]).toBe("read paid");
    expect(await commands()).toEqual([["github:ada", `button: approve ${approval.name}`, "done"]]);
    await look();
    // Nobody asks for it any more: its note goes with its task.
    expect(await world.redis.hlen(githubKeys(world.env).approvalChecks)).toBe(0);
    expect(github.requests.filter(({ method }) => method === "PATCH")).toHaveLength(1);
  });

  it("is concluded by whatever ends it: a denial, an answer from elsewhere, its time, the end of its task", async () => {
    await world.runner();
    const rows: [ends: (asked: Asked, run: CheckRun) => Promise<unknown>, conclusion: string, title: string][] = [
      [(_, run) => press(run, "deny"), "failure", "was denied by github:ada"],
      [({ approval }) => answer(approval, "approved", BEN, "checked"), "success", "was approved by github:ben"],
      [
        async ({ ref, approval }) => {
          await world.redis.hset(taskKeys(ref).approvals, `${approval.id}/until`, 1);
          // Before a sweep has written it down it is neither open nor told.
          await look();
          await expireApprovals(world.redis, queue, ref);
        },
        "neutral",
        "was not answered in time",
      ],
      [
        async ({ ref }) => {
          await requestCancel(world.redis, ref, "ada");
          await world.ended(ref);
        },
        "neutral",
        "is not waited for any more",
      ],
    ];
    for (const [end, conclusion, title] of rows) {
      const one = await asked();
      await look();
      const run = github.state.checkRuns.at(-1) as CheckRun;
      await end(one, run);
      await look();
      expect([run.conclusion, run.title, run.actions]).toEqual([conclusion, expect.stringContaining(title), []]);
    }
    expect(github.state.checkRuns).toHaveLength(rows.length);
  });

  it("is none for a task that no commit asked for, nor where the environment wants none, and has no contents where it wants names", async () => {
    await world.runner();
    await asked(paying(), { source: { commit: null, file: "task.yaml", line: 1 } });
    await look();
    await asked();
    await look({ approvalsShown: "none" });
    expect(github.requests).toEqual([]);
    await look({ approvalsShown: "names", buttons: false });
    const run = only();
    expect([run.text.includes("amount"), labels(run)]).toEqual([false, []]);
    expect(run.summary).toContain("Say `/countwheel approve task-2.");
  });

  it("is inert and within GitHub's bounds, whatever stands in its arguments", async () => {
    await world.runner();
    const hostile = "```\n</details><img src=x> @root #1 [a](http://b) <!-- countwheel:plan -->\u202e\u0000";
    const many = Object.fromEntries(Array.from({ length: 400 }, (_, key) => [`k${key} ${hostile}`, "z".repeat(400)]));
    await asked(paying({}, { hostile, long: "x".repeat(20_000), many }));
    await look();
    const { summary, text } = only();
    // Outside of the fence, which is longer than any run within.
    const [head, , tail] = text.split(/^`{3,}$/m);
    expect(`${summary}${head}${tail}`.replaceAll(/(`+)(?!`)[^]*?[^`]\1(?!`)/g, "")).not.toMatch(
      /<img|@root|http:|<!--/,
    );
    expect(["\u202e", "\u0000"].filter((hidden) => text.includes(hidden))).toEqual([]);
    expect([Buffer.byteLength(text) <= 65_535, Buffer.byteLength(summary) <= 65_535]).toEqual([true, true]);
    expect(text).toMatch(/"cut": "\d+ characters"/);
  });

  it("is cut by lines, and says so, where a record holds more than GitHub takes", async () => {
    await world.runner();
    const { ref, approval } = await asked();
    const many = Object.fromEntries(
      Array.from({ length: 3_000 }, (_, key) => [`k${key}`, "\u{1f600}".repeat(key % 50)]),
    );
    const question = { ...approval, arguments: { long: "x".repeat(20_000), many } };
    await world.redis.hset(taskKeys(ref).approvals, approval.id, JSON.stringify(question));
    await look();
    const { text } = only();
    expect(text).toMatch(/… and \d+ lines more: countwheel describe approval task-1/);
    expect(text).toContain("Long lines are cut");
  });
});

describe("a press", () => {
  it("counts for those who may write, by their rights of that moment, and for whom the policy names", async () => {
    await world.runner();
    const { ref, approval } = await asked(paying({ approvers: ["github:ben"] }));
    await look();
    github.state.permissions.set("mallory", "read");
    await press(only(), "approve", { login: "mallory", person: 9 });
    expect(only().summary).not.toContain("mallory");
    await press(only(), "approve");
    expect(only()).toMatchObject({ conclusion: "action_required" });
    expect([labels(only()), only().summary]).toEqual([["Approve", "Deny"], expect.stringContaining("⛔ `github:ada`")]);
    await press(only(), "deny", { login: "ben", person: 8 });
    expect(only()).toMatchObject({ conclusion: "failure" });
    // The same delivery, kept by somebody and sent again.
    await world.ended(ref);
    await look();
    await press({ ...only(), actions: [{ identifier: `approve:${approval.id}` }] }, "approve", {
      login: "ben",
      person: 8,
    });
    expect(said).toEqual([expect.stringContaining("that nobody waits for was pressed")]);
    expect(await commands()).toEqual([
      ["github:mallory", `button: approve ${approval.name}`, "refused"],
      ["github:ada", `button: approve ${approval.name}`, "refused"],
      ["github:ben", `button: deny ${approval.name}`, "done"],
    ]);
  });

  it("answers nothing of one's own where the policy says so", async () => {
    await world.runner();
    const requestedBy = { kind: "github", name: "ada", id: 7 } as const;
    await asked(paying({ not_requester: true }), { requestedBy });
    await look();
    await press(only(), "approve");
    expect(only()).toMatchObject({ conclusion: "action_required", summary: expect.stringContaining("not_requester") });
    await press(only(), "approve", { login: "ben", person: 8 });
    expect(only()).toMatchObject({ conclusion: "success" });
  });

  it("of another question, another commit or another button does nothing", async () => {
    await world.runner();
    const { approval } = await asked();
    await look();
    const other = { externalId: `${only().externalId.slice(0, -4)}0000` };
    await press(only(), "approve", other);
    await press(only(), "approve", { head: "e".repeat(40) });
    await press(only(), "approve", { button: "approve:0123456789" });
    expect([await commands(), (await pending({ ...approval, env: world.env, name: approval.task })).phase]).toEqual([
      [],
      "Pending",
    ]);
    expect(said).toHaveLength(3);
  });
});

describe("one check for each approval", () => {
  it.each([
    [
      "the answer to its making is lost",
      { method: "POST", path: /check-runs/, times: 1, status: 502, afterEffect: true },
    ],
    ["GitHub is away", { method: "POST", path: /check-runs/, times: 1, status: 503 }],
    ["a limit is hit", { method: "POST", path: /check-runs/, times: 1, status: 403, headers: { "retry-after": "7" } }],
  ])("where %s", async (_, fault) => {
    await world.runner();
    const { approval } = await asked();
    github.fail(fault);
    expect(await tellApprovals(desk(), memory)).toMatchObject({ code: "GITHUB_UNAVAILABLE" });
    await look();
    await look();
    github.fail({ method: "PATCH", path: /check-runs/, times: 1, status: 502, afterEffect: true });
    await answer(approval, "approved", BEN);
    expect(await tellApprovals(desk(), memory)).toMatchObject({ code: "GITHUB_UNAVAILABLE" });
    await look();
    expect(only()).toMatchObject({ conclusion: "success" });
  });

  it("where it is answered before anybody knows whether its check was made", async () => {
    await world.runner();
    const { approval } = await asked();
    github.fail({ method: "POST", path: /check-runs/, times: 1, status: 502, afterEffect: true });
    await tellApprovals(desk(), memory);
    await answer(approval, "denied", BEN);
    await look();
    expect(only()).toMatchObject({ conclusion: "failure" });
  });

  it("where two replicas look at once", async () => {
    await world.runner();
    await asked();
    await Promise.all([look(), look()]);
    only();
  });

  it("and none where the token may make no checks, or the commit is gone, which keeps nothing else back", async () => {
    await world.runner();
    await asked();
    const personal = connect(github.url, "personal-token");
    for (let time = 0; time < 3; time += 1) await look({ github: personal });
    expect(said).toEqual([expect.stringContaining("approvals get no checks")]);
    expect(github.writes()).toHaveLength(1);
    github.fail({ method: "POST", path: /check-runs/, times: 1, status: 422 });
    await asked();
    for (let time = 0; time < 2; time += 1) await look();
    only();
    expect(said.at(-1)).toContain("an approval gets no check");
  });
});

it("tells of a storm of questions within bounds, and says where the rest is", async () => {
  await world.runner();
  const { ref, approval } = await asked();
  const { approvals } = taskKeys(ref);
  const text = (await world.redis.hget(approvals, approval.id)) ?? "";
  const until = (await world.redis.hget(approvals, `${approval.id}/until`)) ?? "";
  for (let index = 0; index < 30; index += 1) {
    const id = `${index}`.padStart(10, "0");
    const question = JSON.stringify({ ...JSON.parse(text), id });
    const more = { [`${id}/phase`]: "Pending", [`${id}/activation`]: approval.activation, [`${id}/until`]: until };
    await world.redis.hset(approvals, { [id]: question, ...more });
  }
  await look();
  expect(github.state.checkRuns).toHaveLength(APPROVAL_LIMITS.perLook);
  for (let time = 0; time < 4; time += 1) await look();
  expect(github.state.checkRuns).toHaveLength(APPROVAL_LIMITS.perTask);
  expect(github.state.checkRuns.filter(({ summary }) => summary.includes("gets no check of its own"))).toHaveLength(1);
  const before = github.requests.length;
  await look();
  expect(github.requests).toHaveLength(before);
});
