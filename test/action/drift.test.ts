// The Action on a schedule and on a click: drift of a real state is told in one issue, whatever fails on the way.
import { mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { environmentKeys } from "../../store/keys.ts";
import { type TestRepository, testRepository } from "../git.ts";
import { type GithubServer, startGithub } from "../github/server.ts";
import type { Issue } from "../github/state.ts";
import { tamper } from "../reconciler/drift/world.ts";
import { type GitServer, gitServer } from "../reconciler/source/git-server.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { type ActionResult, examplePayload, runAction, runBundle } from "./action-run.ts";

const TOKENS = {
  "app-token": { kind: "app", slug: "github-actions" },
  "no-issues": { kind: "app", slug: "github-actions", issues: false },
} as const;
const MODEL = "kind: ModelEndpoint\nmetadata:\n  name: mock\nspec:\n  provider: mock\n  default_model: mock-1\n";
const AGENT = "kind: Agent\nmetadata:\n  name: writer\nspec:\n  model_ref: mock\n  prompt: Write.\n";

let redis: TestRedis;
let client: Redis;
let repository: TestRepository;
let git: GitServer;
let github: GithubServer;
let count = 0;
let env: string;

beforeAll(async () => {
  redis = await testRedis();
  client = connectRedis(redis.url, "command");
  repository = await testRepository({ "agents/model.yaml": MODEL, "agents/writer.yaml": AGENT });
  await repository.push();
  const root = dirname(repository.bare);
  await mkdir(join(root, "Codertocat"));
  await symlink(repository.bare, join(root, "Codertocat/Hello-World"));
});

afterAll(async () => {
  await repository.remove();
  await closeRedis(client);
  await redis.stop();
});

beforeEach(async () => {
  count += 1;
  env = `env-${count}`;
  git = await gitServer(repository.bare, { token: "app-token" });
  github = await startGithub(TOKENS);
  const applied = await run("workflow_dispatch", { command: "apply" });
  expect(applied.code, applied.log).toBe(0);
});

afterEach(async () => {
  await git.stop();
  await github.stop();
  expect(github.violations).toEqual([]);
});

/** As GitHub sends it: a schedule names no repository. */
function payloadOf(event: string): Record<string, unknown> {
  if (event === "schedule") return { schedule: "17 3 * * *", workflow: ".github/workflows/countwheel-drift.yml" };
  const payload = examplePayload(event);
  Object.assign(payload["repository"] as object, { default_branch: "main" });
  return payload;
}

function run(event: string, inputs: Readonly<Record<string, string>> = {}, runIn = runAction): Promise<ActionResult> {
  return runIn({
    event,
    payload: payloadOf(event),
    workspace: repository.folder,
    apiUrl: github.url,
    serverUrl: new URL(git.url).origin,
    variables: { GITHUB_REF: "refs/heads/main" },
    inputs: { path: "agents", environment: env, "redis-url": redis.url, ...inputs },
  });
}

async function drift(prompt: string): Promise<void> {
  await tamper(client, env, "Agent/default/writer" as never, (spec) => ({ ...spec, prompt }));
}

const issue = (): Issue | undefined => github.state.issues[0];

describe("a look for drift", () => {
  it("opens one issue on a schedule, leaves it alone on a click, and closes it once the drift is gone", async () => {
    const { records } = environmentKeys(env);
    const applied = await client.hget(records, "Agent/default/writer");
    await drift("Shout. </details> @admin #1");
    const found = await run("schedule", {}, runBundle);
    expect([found.code, found.outputs["verdict"], found.outputs["changed"]], found.log).toEqual([0, "drift", "true"]);
    expect(issue()).toMatchObject({ open: true, title: `Drift in ${env}: 1 resource is not as applied` });
    expect(found.outputs["issue-number"]).toBe(String(issue()?.number));
    expect(issue()?.body).toContain("**Drift: 1 of records, 0 of the world, 0 undeclared.**");
    expect(issue()?.body.replaceAll(/(`{3,})[^]*?\n\1/g, "")).not.toMatch(/@admin/);
    expect(found.summary).toContain("Drift: 1 of records");

    const writes = github.writes().length;
    await run("workflow_dispatch");
    expect(github.writes()).toHaveLength(writes);

    await client.hset(records, "Agent/default/writer", applied ?? "");
    expect((await run("schedule")).outputs).toMatchObject({ verdict: "clean", changed: "false", drift: "0" });
    expect(issue()).toMatchObject({ open: false, title: `Drift in ${env}: gone` });
    expect(github.state.issues).toHaveLength(1);
    expect(github.state.comments).toEqual([]);
  });

  it("is in the summary alone where the token may write no issues", async () => {
    await git.stop();
    git = await gitServer(repository.bare, { token: "no-issues" });
    await drift("Shout.");
    const result = await run("schedule", { "github-token": "no-issues" });
    expect([result.code, result.outputs["verdict"]], result.log).toEqual([0, "drift"]);
    expect(result.summary).toContain("Drift: 1 of records");
    expect(result.log).toContain("::notice::no issue: the token lacks `issues: write`");
    expect(github.state.issues).toEqual([]);
  });

  it("needs the state that it compares with", async () => {
    const result = await run("schedule", { command: "drift", "redis-url": "" });
    expect([result.code, result.log]).toEqual([64, expect.stringContaining("`command: drift` needs `redis-url`")]);
  });
});
