// The Action under `countwheel.yaml`: a pull request is judged by the settings of its base, an apply by those of the tip.
import { mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { readState } from "../../store/state.ts";
import { type TestRepository, testRepository } from "../git.ts";
import { type GithubServer, startGithub } from "../github/server.ts";
import { type GitServer, gitServer } from "../reconciler/source/git-server.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { type ActionResult, examplePayload, runAction } from "./action-run.ts";

const memory = (name: string): string => `kind: Memory\nmetadata: {name: ${name}}\nspec: {provider: in-memory}\n`;
const settings = (text: string): string => `environments:\n  prod:\n    path: agents\n${text}`;
const PATCH = "kind: Memory\nmetadata: {name: a}\nspec: {provider: redis}\n";
const FROZEN = "    freeze: [{cron: '* * * * *', duration: 1h, reason: the audit week}]\n";

let repository: TestRepository;
let github: GithubServer;

beforeEach(async () => {
  repository = await testRepository({
    "agents/a.yaml": memory("a"),
    "agents/b.yaml": memory("b"),
    "overlays/prod/a.yaml": PATCH,
    "countwheel.yaml": settings("    prunes: {max_count: 0}\n    overlays: [overlays/prod]\n"),
  });
  github = await startGithub({ "app-token": { kind: "app", slug: "github-actions" } });
});

afterEach(async () => {
  await github.stop();
  await repository.remove();
  expect(github.violations).toEqual([]);
});

describe("on a pull request", () => {
  async function planOf(base: string, head: string): Promise<ActionResult> {
    github.state.addPull({ number: 2, headSha: head });
    const payload = examplePayload("pull_request", "synchronize");
    Object.assign((payload["pull_request"] as { head: object }).head, { sha: head });
    Object.assign((payload["pull_request"] as { base: object }).base, { sha: base });
    const inputs = { environment: "prod" };
    return await runAction({
      event: "pull_request",
      payload,
      workspace: repository.folder,
      apiUrl: github.url,
      inputs,
    });
  }

  it("takes path, overlays and limits from the base, and tells of settings that the head loosens", async () => {
    const base = await repository.git("rev-parse", "HEAD");
    const head = await repository.commit({
      "agents/b.yaml": null,
      "agents/c.yaml": memory("c"),
      "countwheel.yaml":
        "environments:\n  prod:\n    path: elsewhere\n    prunes: {max_count: 100, max_percent: 100}\n",
    });
    const result = await planOf(base, head);
    expect([result.code, result.outputs], result.log).toEqual([
      0,
      expect.objectContaining({ verdict: "confirm", create: "1", update: "0", prune: "1", noop: "1" }),
    ]);
    expect(github.state.comments[0]?.body).toContain("This change edits `countwheel.yaml`");
    expect(github.state.checkRuns[0]).toMatchObject({ conclusion: "action_required" });
  });

  it("fails the check on settings that would be broken once they are merged, and names the line", async () => {
    const base = await repository.git("rev-parse", "HEAD");
    const head = await repository.commit({ "countwheel.yaml": settings("    histroy: allow\n") });
    const result = await planOf(base, head);
    expect([result.code, result.outputs["verdict"]], result.log).toEqual([3, "invalid"]);
    expect(github.state.checkRuns[0]).toMatchObject({ conclusion: "failure" });
    expect(JSON.stringify(github.state.checkRuns[0])).toMatch(/"path":"countwheel\.yaml".*histroy/);
  });

  it("plans the change that mends broken settings, and says when its plan would wait", async () => {
    const base = await repository.commit({ "countwheel.yaml": "environments: [oh]\n" });
    const head = await repository.commit({ "countwheel.yaml": settings(FROZEN) });
    const mended = await planOf(base, head);
    expect([mended.code, mended.outputs["verdict"]], mended.log).toEqual([0, "clean"]);
    expect(github.state.comments[0]?.body).toContain("this plan is made under the defaults");
    const next = await repository.commit({ "agents/c.yaml": memory("c") });
    await planOf(head, next);
    expect(github.state.comments[0]?.body).toMatch(/frozen since .*the audit week/);
  });
});

describe("on a push to the deploy branch", () => {
  let redis: TestRedis;
  let client: Redis;
  let git: GitServer;
  beforeAll(async () => {
    redis = await testRedis();
    client = connectRedis(redis.url, "command");
  });
  afterAll(async () => {
    await closeRedis(client);
    await redis.stop();
  });
  beforeEach(async () => {
    await client.flushall();
    await mkdir(join(dirname(repository.bare), "Codertocat"));
    await symlink(repository.bare, join(dirname(repository.bare), "Codertocat/Hello-World"));
    git = await gitServer(repository.bare, { token: "app-token" });
  });
  afterEach(() => git.stop());

  async function push(): Promise<ActionResult> {
    await repository.push();
    const payload = Object.assign(examplePayload("push"), {
      ref: "refs/heads/main",
      before: "0".repeat(40),
      after: await repository.git("rev-parse", "HEAD"),
    });
    Object.assign(payload["repository"] as object, { default_branch: "main" });
    return await runAction({
      event: "push",
      payload,
      workspace: repository.folder,
      apiUrl: github.url,
      serverUrl: new URL(git.url).origin,
      inputs: { environment: "prod", "redis-url": redis.url },
    });
  }

  it("applies path and overlays as the tip says, and holds back in its freeze window with the reason", async () => {
    expect((await push()).outputs).toMatchObject({ verdict: "applied", create: "2" });
    const providers = async () =>
      [...(await readState(client, "prod")).records.values()].map(({ manifest }) => manifest.spec["provider"]);
    expect(await providers()).toEqual(["redis", "in-memory"]);
    await repository.commit({ "agents/c.yaml": memory("c"), "countwheel.yaml": settings(FROZEN) });
    const held = await push();
    expect([held.code, held.outputs["verdict"]], held.log).toEqual([4, "held"]);
    expect(held.log).toMatch(/::error::the environment is frozen .*the audit week/);
    expect(await providers()).toHaveLength(2);
  });

  it("holds what nobody signed who may, and takes the settings' word on where to apply", async () => {
    const signed = "    signatures: {mode: head, allowed_signers: signers}\n";
    await repository.commit({ "countwheel.yaml": settings(signed), signers: "ada ssh-ed25519 AAAA\n" });
    const unsigned = await push();
    expect([unsigned.code, unsigned.outputs["verdict"]], unsigned.log).toEqual([4, "held"]);
    expect(unsigned.log).toContain("is not signed as this environment asks");
    await repository.commit({ "countwheel.yaml": settings("    ref: live\n") });
    const other = await push();
    expect([other.code, other.log]).toEqual([1, expect.stringContaining("ENVIRONMENT_ELSEWHERE")]);
    await repository.commit({ "countwheel.yaml": settings("    repo: https://github.com/acme/agents\n") });
    expect((await push()).log).toContain("are in `https://github.com/acme/agents`");
    await repository.commit({ "countwheel.yaml": "environments: [oh]\n" });
    const broken = await push();
    expect([broken.code, broken.outputs["verdict"]], broken.log).toEqual([3, "invalid"]);
    expect((await readState(client, "prod")).head).toBeNull();
  });
});
