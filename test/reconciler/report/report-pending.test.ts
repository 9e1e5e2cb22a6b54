// The outbox on its way to GitHub: a real Redis, a real runner, a GitHub that fails at the worst moments.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { OutboxEntry } from "../../../contracts/outbox.ts";
import type { Plan } from "../../../contracts/plan.ts";
import { type DrainOutcome, reportPending, type Shown } from "../../../reconciler/report/report-pending.ts";
import { pushOutbox, readOutbox } from "../../../store/outbox.ts";
import { type GithubServer, startGithub } from "../../github/server.ts";
import { type TestRedis, testRedis } from "../../redis.ts";
import { agent, manifest, mockModel, openWorld, system, type World } from "../../runner/world.ts";
import { change, connect, HEAD, NOW, planOf, TOKENS } from "./builders.ts";

const MERGED = "d".repeat(40);

let redis: TestRedis;
let github: GithubServer;
let world: World;
let said: string[];

beforeAll(async () => {
  redis = await testRedis();
});

afterAll(() => redis.stop());

beforeEach(async () => {
  github = await startGithub(TOKENS);
  world = openWorld(redis.url);
  said = [];
});

afterEach(async () => {
  await world.close();
  await github.stop();
  expect(github.violations).toEqual([]);
});

function drain(shown?: Shown, token: keyof typeof TOKENS = "app-token"): Promise<DrainOutcome> {
  return reportPending(
    {
      redis: world.redis,
      env: world.env,
      github: connect(github.url, token),
      now: () => NOW,
      say: (line) => said.push(line),
      signal: new AbortController().signal,
    },
    shown,
  );
}

function push(entry: OutboxEntry): Promise<void> {
  return pushOutbox(world.redis, world.env, entry);
}

function planIn(env: string, changes: Plan["changes"]): Plan {
  return planOf(changes, { state: { env, lineage: "l", serial: 41, touched: [] } });
}

function planEntry(pullRequest: number, changes: Plan["changes"] = [change("create", "refunds")]): OutboxEntry {
  return { kind: "plan", env: world.env, pullRequest, headSha: HEAD, plan: planIn(world.env, changes) };
}

function appliedEntry(changes: Plan["changes"]): OutboxEntry {
  const plan = planIn(world.env, changes);
  return { kind: "applied", env: world.env, commit: MERGED, serial: 42, plan, tookMs: 1_100 };
}

async function waiting(): Promise<string[]> {
  return (await readOutbox(world.redis, world.env, 100)).map(({ id }) => id.slice(id.indexOf(":") + 1));
}

describe("a plan in the outbox", () => {
  it("is posted once and dropped", async () => {
    github.state.addPull({ number: 7, headSha: HEAD });
    await push(planEntry(7));
    expect(await drain()).toEqual({ outcome: "drained", settled: 1, waiting: 0 });
    expect(github.state.comments).toHaveLength(1);
    expect(await waiting()).toEqual([]);
  });

  it("stays while GitHub is away, and is then exactly one comment and one check", async () => {
    github.state.addPull({ number: 7, headSha: HEAD });
    await push(planEntry(7));
    github.fail({ method: "POST", path: /comments/, times: 1, status: 502, afterEffect: true });
    expect(await drain()).toMatchObject({ outcome: "later", failure: { code: "GITHUB_UNAVAILABLE" } });
    expect(await waiting()).toEqual(["plan/7"]);
    github.fail({ method: "GET", path: /check-runs/, times: 1, status: 403, headers: { "retry-after": "7" } });
    expect(await drain()).toMatchObject({ outcome: "later", failure: { retryAfterMs: 7_000 } });
    expect(await drain()).toMatchObject({ outcome: "drained", settled: 1 });
    expect(github.state.comments).toHaveLength(1);
    expect(github.state.checkRuns).toHaveLength(1);
  });

  it("is one comment and one check where a crash came between posting and dropping", async () => {
    github.state.addPull({ number: 7, headSha: HEAD });
    for (let life = 1; life <= 3; life += 1) {
      await push(planEntry(7));
      await drain();
    }
    expect(github.state.comments).toHaveLength(1);
    expect(github.state.checkRuns.map(({ annotations }) => annotations.length)).toEqual([1]);
  });

  it("does not hold back the others where one conversation is locked", async () => {
    for (const number of [7, 8]) github.state.addPull({ number, headSha: HEAD });
    github.fail({ method: "POST", path: /issues\/7\/comments/, times: 1, status: 403 });
    await push(planEntry(7));
    await push(planEntry(8));
    expect(await drain()).toMatchObject({ outcome: "later", settled: 1 });
    expect(await waiting()).toEqual(["plan/7"]);
    expect(github.state.comments.map(({ pull }) => pull)).toEqual([8]);
  });

  it("is dropped with a word where its pull request is gone", async () => {
    await push(planEntry(404));
    expect(await drain()).toMatchObject({ outcome: "drained", settled: 1 });
    expect(said).toEqual([expect.stringContaining("not reported to GitHub: Could not list the comments of #404")]);
  });
});

describe("an apply in the outbox", () => {
  it("turns the pull request's comment into its record", async () => {
    github.state.addPull({ number: 7, headSha: HEAD });
    await push(planEntry(7));
    await drain();
    github.state.addPull({ number: 7, headSha: HEAD, mergedAt: NOW.toISOString(), mergeCommitSha: MERGED });
    await push(appliedEntry([change("create", "refunds")]));
    expect(await drain()).toMatchObject({ outcome: "drained", settled: 1 });
    expect(github.state.comments).toHaveLength(1);
    expect(github.state.comments[0]?.body).toMatch(/state=applied -->\n### ✅ Applied to `\S+` as #42, 1\.1 s\n/);
    expect(github.state.checkRuns.at(-1)).toMatchObject({
      name: `countwheel / apply (${world.env})`,
      headSha: MERGED,
      conclusion: "success",
    });
  });

  it("is a check run alone where the commit merged no pull request", async () => {
    await push(appliedEntry([change("create", "refunds")]));
    await drain();
    expect(github.state.comments).toEqual([]);
    expect(github.state.checkRuns).toHaveLength(1);
  });

  it("lists its tasks, waits for their end, and posts only when something moved", async () => {
    github.state.addPull({ number: 7, headSha: HEAD, mergedAt: NOW.toISOString(), mergeCommitSha: MERGED });
    await push(appliedEntry([change("create", "task-1", { kind: "Task" })]));
    const shown: Shown = new Map();
    expect(await drain(shown)).toMatchObject({ outcome: "drained", waiting: 1 });
    const ref = await world.start(
      [mockModel("mock"), agent("planner"), agent("writer"), system("report", ["planner", "writer"])],
      "report",
      {
        source: { commit: MERGED, file: "task.yaml", line: 1 },
      },
    );
    await drain(shown);
    expect(github.state.comments[0]?.body).toContain("- `task-1` · pending · 0 agents");
    const writes = github.writes().length;
    await drain(shown);
    expect(github.writes()).toHaveLength(writes);

    await world.runner();
    const { trace } = await world.ended(ref);
    await world.until(ref, () => true);
    await drained(shown);
    const body = github.state.comments[0]?.body ?? "";
    expect(body).toMatch(/- `task-1` · succeeded in \d\.\d s · 2 agents · 2 turns · .* · trace `sha256:\w+…` verified/);
    const check = github.state.checkRuns.find(({ name }) => name.startsWith("countwheel / task-1 "));
    expect(check).toMatchObject({ headSha: MERGED, conclusion: "success" });
    expect(check?.text).toContain(`head \`${trace.head}\``);
    expect(check?.text).toContain("a0 --> a1");
  });

  it("says in its task's check that a person has to approve a turn, before the task has ended", async () => {
    await world.runner();
    const rules = [{ match: { models: ["mock-1"] }, effect: "ask" }];
    const asking = manifest("AgentPolicy", "careful", { apply_mode: "global", rules });
    const ref = await world.start(
      [mockModel("mock"), agent("planner"), system("report", ["planner"]), asking],
      "report",
      {
        source: { commit: MERGED, file: "task.yaml", line: 1 },
      },
    );
    await world.until(ref, ({ phase }) => phase === "WaitingApproval");
    await drained(new Map());
    github.state.addPull({ number: 7, headSha: HEAD, mergedAt: NOW.toISOString(), mergeCommitSha: MERGED });
    await push(appliedEntry([]));
    await drain();
    expect(github.state.comments[0]?.body).toMatch(
      /\n {2}- `planner` asks for a turn of model `mock-1`: `\/countwheel approve task-1\.\w{10}` or `\/countwheel deny task-1/,
    );
    const check = github.state.checkRuns.find(({ name }) => name.startsWith("countwheel / task-1 "));
    expect(check).toMatchObject({ headSha: MERGED, conclusion: "action_required", title: "waiting approval" });
    expect(check?.text).toMatch(
      /- `planner` waits for a person to approve a turn of model `mock-1`: `countwheel describe approval task-1\.\w{10}`/,
    );
  });
});

/** The runner leaves the task's entry a moment after its end: until nothing waits any more. */
async function drained(shown: Shown): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    await drain(shown);
    const told = github.state.checkRuns.some(({ name }) => name.startsWith("countwheel / task-1 "));
    if (told && (await waiting()).length === 0) return;
  }
  throw new Error(`still waiting: ${(await waiting()).join(", ")}`);
}
