// The Action as GitHub runs it: on GitHub's own example payloads, against real commits, once as the committed bundle.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type TestRepository, testRepository } from "../git.ts";
import { type GithubServer, startGithub } from "../github/server.ts";
import { type ActionResult, examplePayload, obeyedCommands, runAction, runBundle } from "./action-run.ts";

const TOKENS = { "app-token": { kind: "app", slug: "github-actions" }, "read-token": { kind: "read-only" } } as const;
const MODEL = "kind: ModelEndpoint\nmetadata:\n  name: mock\nspec:\n  provider: mock\n  default_model: mock-1\n";

let repository: TestRepository;
let github: GithubServer;
let base: string;
let head: string;

function agent(name: string, prompt = "Be kind."): string {
  return `kind: Agent\nmetadata:\n  name: ${name}\nspec:\n  model_ref: mock\n  prompt: ${JSON.stringify(prompt)}\n`;
}

beforeAll(async () => {
  repository = await testRepository({
    "agents/model.yaml": MODEL,
    "agents/old.yaml": agent("old"),
    "agents/kept.yaml": agent("kept"),
  });
  base = await repository.git("rev-parse", "HEAD");
  await repository.git("checkout", "--quiet", "-b", "change");
  head = await repository.commit({
    "agents/old.yaml": null,
    "agents/new.yaml": agent("new"),
    "agents/kept.yaml": agent("kept", "Be brief."),
  });
  await repository.git("checkout", "--quiet", "main");
});

afterAll(() => repository.remove());

beforeEach(async () => {
  github = await startGithub(TOKENS);
  github.state.addPull({ number: 2, headSha: head });
});

afterEach(async () => {
  await github.stop();
  expect(github.violations).toEqual([]);
});

interface Case {
  readonly commit?: string;
  readonly from?: string;
  readonly inputs?: Readonly<Record<string, string>>;
  readonly event?: string;
  readonly action?: string;
  readonly run?: typeof runAction;
}

function onPullRequest({
  commit = head,
  from = base,
  inputs,
  event = "pull_request",
  action = "synchronize",
  run = runAction,
}: Case = {}): Promise<ActionResult> {
  const payload = examplePayload("pull_request", action);
  Object.assign((payload["pull_request"] as { head: object }).head, { sha: commit });
  Object.assign((payload["pull_request"] as { base: object }).base, { sha: from });
  const workspace = repository.folder;
  return run({ event, payload, workspace, apiUrl: github.url, inputs: { path: "agents", ...inputs } });
}

describe("on a pull request", () => {
  it("shows the plan against the base as comment, check, summary and outputs", async () => {
    const result = await onPullRequest({ run: runBundle });
    expect(result.code, result.log).toBe(0);
    const counts = "Plan: 1 to create, 1 to update, 0 to move, 1 to prune.";
    expect(result.outputs).toMatchObject({
      verdict: "changes",
      changed: "true",
      create: "1",
      update: "1",
      prune: "1",
      blocked: "0",
    });
    expect(result.outputs["plan-digest"]).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(result.summary).toContain(counts);
    expect(github.state.comments.map(({ id, body }) => [String(id), body.includes(counts)])).toEqual([
      [result.outputs["comment-id"], true],
    ]);
    expect(github.state.checkRuns).toHaveLength(1);
    expect(github.state.checkRuns[0]).toMatchObject({
      name: "countwheel / plan",
      headSha: head,
      status: "completed",
      conclusion: "success",
    });
    expect(String(github.state.checkRuns[0]?.id)).toBe(result.outputs["check-id"]);
    expect(github.state.checkRuns[0]?.annotations.map(({ path, start_line }) => [path, start_line])).toEqual([
      ["agents/old.yaml", 1],
      ["agents/kept.yaml", 6],
      ["agents/new.yaml", 1],
    ]);
  });

  it("keeps to one comment over many runs, and leaves no check open", async () => {
    for (const commit of [head, base, head]) await onPullRequest({ commit });
    expect(github.state.comments).toHaveLength(1);
    expect(github.state.checkRuns.map(({ status }) => status)).toEqual(["completed", "completed", "completed"]);
  });

  it("fails the job and the check where manifests are invalid, and says where", async () => {
    await repository.git("checkout", "--quiet", "change");
    const broken = await repository.commit({
      "agents/new.yaml": agent("new").replace("model_ref: mock", "model_ref: gone"),
    });
    await repository.git("checkout", "--quiet", "main");
    const result = await onPullRequest({ commit: broken });
    expect(result.code, result.log).toBe(3);
    expect(result.outputs).toMatchObject({ verdict: "invalid", invalid: "1" });
    expect(github.state.checkRuns[0]).toMatchObject({ conclusion: "failure" });
    expect(github.state.checkRuns[0]?.annotations[0]).toMatchObject({
      title: "DANGLING_REFERENCE",
      path: "agents/new.yaml",
      start_line: 5,
    });
  });

  it("does without a comment where none is wanted, and with nothing to do concludes all the same", async () => {
    const result = await onPullRequest({ commit: base, inputs: { comment: "false" } });
    expect(result.outputs).toMatchObject({ verdict: "clean", changed: "false", "comment-id": "" });
    expect(github.state.comments).toEqual([]);
    expect(github.state.checkRuns[0]).toMatchObject({ conclusion: "success", title: "No changes." });
  });

  it("tells how to mend a checkout that lacks a commit, and concludes the check", async () => {
    const result = await onPullRequest({ from: "c".repeat(40) });
    expect(result.code).toBe(1);
    expect(result.log).toContain("fetch-depth: 0");
    expect(result.outputs).toMatchObject({ verdict: "failed" });
    expect(github.state.checkRuns[0]).toMatchObject({ status: "completed", conclusion: "failure" });
  });

  it("says where the branch lacks commits of its base", async () => {
    const ahead = await repository.commit({ "agents/more.yaml": agent("more") });
    const result = await onPullRequest({ from: ahead });
    expect(result.summary).toContain("This branch lacks commits of");
    expect(github.state.comments[0]?.body).toContain("This branch lacks commits of");
  });

  it("says that Tasks which are marked for pull requests do not run in it", async () => {
    await repository.git("checkout", "--quiet", "change");
    const annotations = "annotations: {countwheel.dev/run-on: pull_request}";
    const task = `kind: Task\nmetadata: {name: smoke, ${annotations}}\nspec: {mode: template}\n`;
    const marked = await repository.commit({ "agents/new.yaml": agent("new"), "agents/smoke.yaml": task });
    await repository.git("checkout", "--quiet", "main");
    const told = "This job runs none: previews need the server";
    expect((await onPullRequest({ commit: marked })).summary).toContain(told);
    expect(github.state.comments[0]?.body).toContain(told);
    expect((await onPullRequest()).summary).not.toContain(told);
  });

  it("does nothing once it is closed", async () => {
    const result = await onPullRequest({ action: "closed" });
    expect([result.code, result.outputs["verdict"]]).toEqual([0, "skipped"]);
    expect(github.requests).toEqual([]);
  });

  it("refuses pull_request_target where the head lies in the working tree", async () => {
    await repository.git("checkout", "--quiet", "change");
    const checkedOut = await repository.git("rev-parse", "HEAD");
    const result = await onPullRequest({ commit: checkedOut, event: "pull_request_target" });
    await repository.git("checkout", "--quiet", "main");
    expect([result.code, result.log]).toEqual([1, expect.stringContaining("HEAD_CHECKED_OUT")]);
    expect(github.writes()).toEqual([]);
    expect((await onPullRequest({ event: "pull_request_target" })).code).toBe(0);
  });
});

describe("with a token that only reads", () => {
  const inputs = { "github-token": "read-token" };

  it("falls back to the summary and to annotations of the run, and exits right", async () => {
    const result = await onPullRequest({ inputs });
    expect([result.code, result.outputs["verdict"]]).toEqual([0, "changes"]);
    expect(result.summary).toContain("Plan: 1 to create");
    expect(result.log).toContain("::warning file=agents/old.yaml,line=1,title=Agent/old will be pruned::");
    expect([github.state.comments, github.state.checkRuns, github.state.statuses]).toEqual([[], [], []]);
  });

  it("lets no name of a file and no text of a manifest speak to the runner or break the page", async () => {
    const evil =
      "::set-env name=X::y\n::error::owned\n##[error]owned\n</details><script>alert(1)</script> @admin #1 ```";
    await repository.git("checkout", "--quiet", "-b", "hostile", base);
    const commit = await repository.commit({
      "agents/evil.yaml": `${agent("evil", evil)}  nope: ${JSON.stringify(evil)}\n`,
      "agents/::error file=x,line=1::owned.yaml": agent("other"),
    });
    await repository.git("checkout", "--quiet", "main");
    const result = await onPullRequest({ commit, inputs });
    const commands = obeyedCommands(result.log);
    expect(
      commands.filter((line) => !/^::(error|warning|notice) file=agents\/[^:,]*,line=\d+,title=[^:,]*::/.test(line)),
    ).toEqual([]);
    expect(commands.join("\n")).not.toMatch(/^::(set-env|error::owned)/m);
    const outsideCode = result.summary.replaceAll(/(`{3,})[^]*?\n\1/g, "").replaceAll(/(`+)(?!`)[^]*?[^`]\1(?!`)/g, "");
    expect(outsideCode).not.toMatch(/<script|@admin/);
    expect(outsideCode.match(/<details>/g)?.length).toBe(outsideCode.match(/<\/details>/g)?.length);
  });
});

describe("on other events", () => {
  it("answers the merge queue with a check on the group's own commit", async () => {
    const payload = examplePayload("merge_group", "checks_requested");
    Object.assign(payload["merge_group"] as object, { head_sha: head, base_sha: base });
    const result = await runAction({
      event: "merge_group",
      payload,
      workspace: repository.folder,
      apiUrl: github.url,
      inputs: { path: "agents" },
    });
    expect(result.code, result.log).toBe(0);
    expect(github.state.checkRuns).toMatchObject([{ name: "countwheel / plan", headSha: head, conclusion: "success" }]);
    expect(github.state.comments).toEqual([]);
  });

  it("plans a push against what was there before, where no Redis is given", async () => {
    const payload = { ...examplePayload("push"), ref: "refs/heads/main", before: base, after: head };
    const result = await runAction({
      event: "push",
      payload,
      workspace: repository.folder,
      apiUrl: github.url,
      inputs: { path: "agents" },
    });
    expect([result.code, result.outputs["verdict"], result.outputs["create"]]).toEqual([0, "changes", "1"]);
  });

  it("validates on a schedule and on a click", async () => {
    const request = { workspace: repository.folder, apiUrl: github.url, sha: head, inputs: { path: "agents" } };
    for (const event of ["schedule", "workflow_dispatch"]) {
      const result = await runAction({ ...request, event, payload: examplePayload("workflow_dispatch") });
      expect([result.code, result.outputs["verdict"]], result.log).toEqual([0, "clean"]);
    }
  });

  it("names every wrong input at once", async () => {
    const inputs = { command: "apply", comment: "yes", environment: "a b", pth: "agents" };
    const result = await onPullRequest({ inputs });
    expect(result.code).toBe(64);
    expect(obeyedCommands(result.log)).toEqual([
      "::error::`pth` is no input of this Action; did you mean `path`?",
      "::error::`environment` may hold letters, digits, `.`, `_` and `-` only",
      "::error::`command: apply` needs `redis-url`: an apply writes the observed state, which lives in Redis",
      "::error::`comment` is `yes`; it is true or false",
    ]);
  });
});
