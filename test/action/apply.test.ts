// The Action on pushes: the tip of the branch is applied to a real Redis, and the pull request becomes its record.
import { mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { readState } from "../../store/state.ts";
import { listTasks } from "../../store/tasks.ts";
import { type TestRepository, testRepository } from "../git.ts";
import { type GithubServer, startGithub } from "../github/server.ts";
import { type GitServer, gitServer } from "../reconciler/source/git-server.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { type ActionResult, examplePayload, runAction, runBundle } from "./action-run.ts";

const MODEL = "kind: ModelEndpoint\nmetadata:\n  name: mock\nspec:\n  provider: mock\n  default_model: mock-1\n";
const AGENT = "kind: Agent\nmetadata:\n  name: writer\nspec:\n  model_ref: mock\n  prompt: Write.\n";
const TASK =
  "kind: AgentSystem\nmetadata:\n  name: report\nspec:\n  agents: [writer]\n---\n" +
  "kind: Task\nmetadata:\n  name: weekly\nspec:\n  system: report\n";

let redis: TestRedis;
let client: Redis;
let repository: TestRepository;
let git: GitServer;
let github: GithubServer;
let env = 0;

beforeAll(async () => {
  redis = await testRedis();
  client = connectRedis(redis.url, "command");
});

afterAll(async () => {
  await closeRedis(client);
  await redis.stop();
});

beforeEach(async () => {
  env += 1;
  repository = await testRepository({ "agents/model.yaml": MODEL, "agents/writer.yaml": AGENT });
  await repository.push();
  // GitHub's addresses are <server>/<owner>/<name>.
  const root = dirname(repository.bare);
  await mkdir(join(root, "Codertocat"));
  await symlink(repository.bare, join(root, "Codertocat/Hello-World"));
  git = await gitServer(repository.bare, { token: "app-token" });
  github = await startGithub({ "app-token": { kind: "app", slug: "github-actions" } });
});

afterEach(async () => {
  await git.stop();
  await github.stop();
  await repository.remove();
  expect(github.violations).toEqual([]);
});

function environment(): string {
  return `env-${env}`;
}

function onPush(head: string, inputs: Readonly<Record<string, string>> = {}, run = runAction): Promise<ActionResult> {
  const payload = Object.assign(examplePayload("push"), {
    ref: "refs/heads/main",
    before: "0".repeat(40),
    after: head,
  });
  Object.assign(payload["repository"] as object, { default_branch: "main" });
  return run({
    event: "push",
    payload,
    workspace: repository.folder,
    apiUrl: github.url,
    serverUrl: new URL(git.url).origin,
    inputs: { path: "agents", environment: environment(), "redis-url": redis.url, ...inputs },
  });
}

describe("on a push to the deploy branch", () => {
  it("applies, makes the tasks, and turns the pull request's comment into the record", async () => {
    const merged = await repository.commit({ "agents/task.yaml": TASK });
    await repository.push();
    github.state.addPull({
      number: 2,
      headSha: "e".repeat(40),
      mergedAt: "2026-11-22T14:00:00Z",
      mergeCommitSha: merged,
    });
    const result = await onPush(merged, {}, runBundle);
    expect(result.code, result.log).toBe(0);
    expect(result.outputs).toMatchObject({ verdict: "applied", create: "4", serial: "1" });
    expect((await readState(client, environment())).head).toMatchObject({ serial: 1, commit: merged });
    expect((await listTasks(client, environment())).map(({ name, source }) => [name, source?.commit])).toEqual([
      ["weekly", merged],
    ]);
    expect(github.state.comments).toHaveLength(1);
    expect(github.state.comments[0]?.body).toMatch(
      /### ✅ Applied to `env-\d+` as #1 at \d\d:\d\d UTC on \d{4}-\d\d-\d\d, /,
    );
    expect(github.state.comments[0]?.body).toContain("- `weekly` · pending");
    expect(result.summary).toContain("### ✅ Applied to");
  });

  it("applies the tip, whichever push it runs for, and does nothing the second time", async () => {
    const older = await repository.git("rev-parse", "HEAD");
    const tip = await repository.commit({ "agents/more.yaml": AGENT.replace("writer", "more") });
    await repository.push();
    expect((await onPush(older)).outputs).toMatchObject({ verdict: "applied", create: "3" });
    expect((await readState(client, environment())).head?.commit).toBe(tip);
    expect((await onPush(tip)).outputs).toMatchObject({ verdict: "clean", changed: "false" });
  });

  it("holds where the branch was rewritten, and prunes nothing", async () => {
    const first = await repository.commit({ "agents/more.yaml": AGENT.replace("writer", "more") });
    await repository.push();
    await onPush(first);
    await repository.git("reset", "--quiet", "--hard", "HEAD~1");
    const forced = await repository.commit({ "agents/other.yaml": AGENT.replace("writer", "other") });
    await repository.push("--force");
    const result = await onPush(forced);
    expect([result.code, result.outputs["verdict"]], result.log).toEqual([4, "held"]);
    expect((await readState(client, environment())).head?.commit).toBe(first);
  });

  it("applies nothing of an invalid set", async () => {
    const broken = await repository.commit({ "agents/writer.yaml": AGENT.replace("mock", "gone") });
    await repository.push();
    const result = await onPush(broken);
    expect([result.code, result.outputs["verdict"]], result.log).toEqual([3, "invalid"]);
    expect((await readState(client, environment())).head).toBeNull();
  });

  it("applies although GitHub is away, and the next run tells it", async () => {
    const head = await repository.git("rev-parse", "HEAD");
    github.fail({ method: "GET", path: /check-runs/, times: 1, status: 502 });
    const result = await onPush(head);
    expect([result.code, result.outputs["verdict"]], result.log).toEqual([0, "applied"]);
    expect(result.log).toContain("::notice::GitHub is told later");
    await onPush(head);
    expect(github.state.checkRuns).toMatchObject([
      { name: `countwheel / apply (${environment()})`, headSha: head, conclusion: "success" },
    ]);
  });

  it("fails clearly where Redis is away, and shows no password", async () => {
    const head = await repository.git("rev-parse", "HEAD");
    const result = await onPush(head, { "redis-url": "redis://:hunter2@127.0.0.1:1" });
    expect([result.code, result.outputs["verdict"]]).toEqual([1, "failed"]);
    expect(result.log).toContain("REDIS_UNAVAILABLE");
    expect(result.log).not.toContain("hunter2");
  });

  it("plans pull requests against the state once there is one", async () => {
    const head = await repository.git("rev-parse", "HEAD");
    await onPush(head);
    const change = await repository.commit({ "agents/more.yaml": AGENT.replace("writer", "more") });
    github.state.addPull({ number: 2, headSha: change });
    const payload = examplePayload("pull_request", "synchronize");
    Object.assign((payload["pull_request"] as { head: object }).head, { sha: change });
    Object.assign((payload["pull_request"] as { base: object }).base, { sha: head });
    const inputs = { path: "agents", environment: environment(), "redis-url": redis.url };
    const result = await runAction({
      event: "pull_request",
      payload,
      workspace: repository.folder,
      apiUrl: github.url,
      inputs,
    });
    expect([result.code, result.outputs["create"], result.outputs["noop"]], result.log).toEqual([0, "1", "2"]);
    expect(github.state.comments[0]?.body).toContain("serial=1 ");
  });
});
