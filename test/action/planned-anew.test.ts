// The Action on a push to an open pull request: what it costs, what the comment says while a plan takes its time, and what
// the next job mends after one that was killed.
import type { ChildProcess } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type TestRepository, testRepository } from "../git.ts";
import { type GithubServer, startGithub } from "../github/server.ts";
import { type ActionRequest, type ActionResult, examplePayload, runAction, runBundle } from "./action-run.ts";

const TOKENS = { "app-token": { kind: "app", slug: "github-actions" } } as const;
const MODEL = "kind: ModelEndpoint\nmetadata:\n  name: mock\nspec:\n  provider: mock\n  default_model: mock-1\n";

let repository: TestRepository;
let github: GithubServer;
let folder: string;
let commits: readonly [base: string, first: string, second: string, third: string];

beforeAll(async () => {
  repository = await testRepository({ "agents/m0.yaml": MODEL });
  const made = [await repository.git("rev-parse", "HEAD")];
  for (const name of ["m1", "m2", "m3"])
    made.push(await repository.commit({ [`agents/${name}.yaml`]: MODEL.replace("name: mock", `name: ${name}`) }));
  const [base = "", first = "", second = "", third = ""] = made;
  commits = [base, first, second, third];
  folder = await mkdtemp(join(tmpdir(), "countwheel-slow-git-"));
  // A git that waits for a word before it answers.
  await writeFile(
    join(folder, "git"),
    `#!/bin/sh\nwhile [ ! -e "${folder}/go" ]; do sleep 0.05; done\nPATH="${process.env["PATH"] ?? ""}" exec git "$@"\n`,
  );
  await chmod(join(folder, "git"), 0o755);
});

afterAll(async () => {
  await repository.remove();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  github = await startGithub(TOKENS);
  await rm(join(folder, "go"), { force: true });
});

afterEach(async () => {
  await github.stop();
  expect(github.violations).toEqual([]);
});

function push(before: string, head: string, more: Partial<ActionRequest> = {}, run = runAction): Promise<ActionResult> {
  github.state.addPull({ number: 2, headSha: head });
  const payload = examplePayload("pull_request", "synchronize");
  Object.assign(payload, { before, after: head });
  Object.assign((payload["pull_request"] as { head: object }).head, { sha: head });
  Object.assign((payload["pull_request"] as { base: object }).base, { sha: commits[0] });
  const request = { event: "pull_request", payload, workspace: repository.folder, apiUrl: github.url };
  return run({ ...request, inputs: { path: "agents" }, ...more });
}

/** Its job is killed once its check is open. */
async function pushKilled(before: string, head: string): Promise<void> {
  let child: ChildProcess | undefined;
  const killed = push(before, head, slowly(), (request) => runBundle(request, (started) => (child = started)));
  await until("the open check", () => checksOf(head).length === 1);
  child?.kill("SIGKILL");
  await killed;
}

const slowly = () => ({ variables: { PATH: `${folder}:${process.env["PATH"] ?? ""}` } });
const comment = (): string => github.state.comments[0]?.body ?? "";
const checksOf = (head: string) => github.state.checkRuns.filter(({ headSha }) => headSha === head);

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1_000 && !holds(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  if (!holds()) throw new Error(`waited in vain for ${what}`);
}

describe("a push to an open pull request", () => {
  it("costs four requests", async () => {
    const [base, first, second] = commits;
    await push(base, first);
    const from = github.requests.length;
    expect((await push(first, second)).code).toBe(0);
    const requests = github.requests.slice(from).map(({ method, path }) => `${method} ${path.split("/")[4] ?? ""}`);
    expect(requests).toEqual(["POST check-runs", "PATCH check-runs", "GET issues", "PATCH issues"]);
    expect(checksOf(second)).toMatchObject([{ status: "completed", conclusion: "success" }]);
  });

  it("is announced where the plan takes its time, and then shows the plan", async () => {
    const [base, first, second] = commits;
    await push(base, first);
    const ended = push(first, second, slowly());
    await until("the announcement", () => comment().includes("state=stale"));
    expect(comment()).toContain(`### ⏳ \`${second.slice(0, 7)}\` is being planned for \`default\``);
    expect(checksOf(second)).toMatchObject([{ status: "in_progress" }]);
    await writeFile(join(folder, "go"), "");
    expect((await ended).code).toBe(0);
    expect(comment()).toContain(`head=${second}`);
    expect(comment()).toContain("state=open");
    expect(checksOf(second)).toMatchObject([{ status: "completed", conclusion: "success" }]);
    expect(github.state.comments).toHaveLength(1);
  });

  it("has its check concluded by the next job where its own was killed", async () => {
    const [base, first, second, third] = commits;
    await push(base, first);
    await pushKilled(first, second);
    expect(checksOf(second)).toMatchObject([{ status: "in_progress" }]);
    expect((await push(second, third)).code).toBe(0);
    expect(checksOf(second)).toMatchObject([
      { status: "completed", conclusion: "cancelled", title: `Superseded by ${third.slice(0, 7)}` },
    ]);
    expect(checksOf(third)).toMatchObject([{ status: "completed", conclusion: "success" }]);
  });

  it("concludes every check of its head where a job that was killed runs again", async () => {
    const [base, first, second] = commits;
    await push(base, first);
    await pushKilled(first, second);
    await push(first, second, { variables: { GITHUB_RUN_ATTEMPT: "2" } });
    expect(checksOf(second).map(({ status }) => status)).toEqual(["completed", "completed"]);
  });

  it("says in the comment why it could not be planned", async () => {
    const [base, first] = commits;
    await push(base, first);
    const gone = "c".repeat(40);
    expect((await push(first, gone)).code).toBe(1);
    expect(comment()).toContain("### ❌ `ccccccc` could not be planned for `default`");
    expect(comment()).toContain("**CHECKOUT_INCOMPLETE** the checkout does not hold");
    expect(checksOf(gone)).toMatchObject([{ status: "completed", conclusion: "failure" }]);
  });
});
