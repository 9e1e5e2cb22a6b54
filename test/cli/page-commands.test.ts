// Commands from a pull request through the whole of `reconcile`: a signed webhook, the comment as GitHub has it, the effect.
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, generateKeyPairSync, randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { readApprovals } from "../../store/approvals/read-approvals.ts";
import { connectRedis, type Redis } from "../../store/connect.ts";
import { readHistory } from "../../store/history.ts";
import { findPullNote } from "../../store/pull-notes.ts";
import { readTask } from "../../store/tasks.ts";
import { type TestRepository, testRepository } from "../git.ts";
import { type GithubServer, startGithub } from "../github/server.ts";
import type { CheckRun, Comment } from "../github/state.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { openWorld } from "../runner/world.ts";
import { ENTRY } from "./command.ts";

const TOKEN = { GITHUB_TOKEN: "app-token" };
const SECRET = "a secret of this test";
const modelOf = (name: string): string =>
  `kind: ModelEndpoint\nmetadata: {name: ${name}}\nspec: {provider: mock, default_model: mock}\n`;

const CREW = `apiVersion: countwheel.dev/v1
kind: Agent
metadata: {name: writer}
spec: {model_ref: a, prompt: Write.}
---
apiVersion: countwheel.dev/v1
kind: AgentSystem
metadata: {name: crew}
spec: {agents: [writer]}
---
apiVersion: countwheel.dev/v1
kind: AgentPolicy
metadata: {name: careful}
spec: {apply_mode: global, rules: [{match: {models: [mock]}, effect: ask, message: words leave}]}
---
apiVersion: countwheel.dev/v1
kind: Task
metadata: {name: one}
spec: {system: crew, mode: run}
---
apiVersion: countwheel.dev/v1
kind: Task
metadata: {name: two}
spec: {system: crew, mode: run}
`;

describeWithRedis("commands from a pull request, by the command reconcile", () => {
  let server: TestRedis;
  let redis: Redis;
  let repository: TestRepository;
  let github: GithubServer;
  let child: ChildProcess | undefined;
  beforeAll(async () => {
    server = await testRedis();
    redis = connectRedis(server.url, "command");
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });
  beforeEach(async () => {
    repository = await testRepository({ "a.yaml": modelOf("a") });
    await repository.push();
    github = await startGithub({ "app-token": { kind: "app", slug: "countwheel" } });
    github.state.permissions.set("ada", "write");
  });
  afterEach(async () => {
    child?.kill("SIGKILL");
    await github.stop();
    await repository.remove();
    expect(github.violations).toEqual([]);
  });

  it("rolls back in the name of whoever said it, and refuses what it does not find", async () => {
    const env = `t-${randomUUID().slice(0, 8)}`;
    const url = await start(env);
    await until("the first apply", async () => (await serials(env)).includes(1));
    await repository.commit({ "b.yaml": modelOf("b") });
    await repository.push();
    await repository.git("push", "--quiet", "origin", "HEAD:refs/pull/7/head");
    github.state.addPull({ number: 7, headSha: await repository.git("rev-parse", "HEAD") });
    // The plan's comment is older than what people say to it, by GitHub's clock, which counts seconds.
    github.state.clock = () => new Date(Date.now() - 10_000);
    expect(await deliver(url, "push", {})).toBe(202);
    await until("the second apply and the comment", async () => {
      return (await serials(env)).includes(2) && github.state.comments.length === 1;
    });
    github.state.clock = () => new Date();
    const [back, lost] = ["/countwheel rollback 1", "/countwheel approve 0123456789"].map((body) =>
      github.state.addComment({ pull: 7, login: "ada", body }),
    );
    const told = { action: "created", comment: { id: back?.id, body: back?.body } };
    expect(await deliver(url, "issue_comment", told)).toBe(202);
    await until("both answers", () => answered(back) && answered(lost));
    expect([...(back?.reactions ?? []), ...(lost?.reactions ?? [])]).toEqual([
      "countwheel[bot]: +1",
      "countwheel[bot]: -1",
    ]);
    const [newest] = await readHistory(redis, env, 1);
    expect(newest).toMatchObject({ serial: 3, facts: { rollbackOf: { serial: 1 } } });
    expect(newest?.facts["person"]).toMatch(/^github:ada@127\.0\.0\.1:\d+$/);
    await until("the refusal", () => github.state.comments[0]?.body.includes("no approval `0123456789`") === true);
  }, 120_000);

  it("offers buttons as an App, and does what a person presses", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    github.apps.register({ id: "123456", slug: "countwheel", publicKey });
    github.apps.install("123456", "acme/agents");
    const env = `t-${randomUUID().slice(0, 8)}`;
    // Somebody pressed while nobody was there.
    const missed = {
      guid: "a",
      delivered_at: new Date().toISOString(),
      event: "check_run",
      action: "requested_action",
    };
    github.apps.deliveries.push({ id: 41, status_code: 502, ...missed });
    const url = await start(env, {
      COUNTWHEEL_GITHUB_APP_ID: "123456",
      COUNTWHEEL_GITHUB_APP_PRIVATE_KEY: privateKey.export({ type: "pkcs1", format: "pem" }).toString(),
    });
    await until("the missed press", () => github.apps.redelivered.includes(41));
    await until("the first apply", async () => (await serials(env)).includes(1));
    await repository.commit({ "b.yaml": modelOf("b") });
    await repository.git("push", "--quiet", "origin", "HEAD:refs/pull/7/head");
    const headSha = await repository.git("rev-parse", "HEAD");
    github.state.addPull({ number: 7, headSha });
    expect(await deliver(url, "pull_request", {})).toBe(202);
    await until("the plan", async () => (await findPullNote(redis, env, 7))?.shown?.head === headSha);
    const shown = (await findPullNote(redis, env, 7))?.shown;
    const run = github.state.checkRuns.find(({ externalId }) => externalId.endsWith(`:${shown?.digest}`));
    expect(run?.actions.map(({ label }) => label)).toEqual(["Plan again"]);
    const sender = { login: "ada", id: 7, type: "User" };
    const check_run = { id: run?.id, external_id: run?.externalId, head_sha: run?.headSha };
    const pressed = { action: "requested_action", requested_action: { identifier: "plan" }, check_run, sender };
    expect(await deliver(url, "check_run", pressed)).toBe(202);
    await until("the answer", () => github.state.comments[0]?.body.includes("`button: plan`: planned again") === true);
  }, 120_000);

  it("answers approvals as whoever says so in a comment, or presses a button, and the tasks go on", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    github.apps.register({ id: "123456", slug: "countwheel", publicKey });
    github.apps.install("123456", "acme/agents");
    const world = openWorld(server.url);
    const { env } = world;
    try {
      await world.runner();
      await repository.commit({ "crew.yaml": CREW });
      await repository.push();
      const url = await start(env, {
        COUNTWHEEL_GITHUB_APP_ID: "123456",
        COUNTWHEEL_GITHUB_APP_PRIVATE_KEY: privateKey.export({ type: "pkcs1", format: "pem" }).toString(),
      });
      await repository.commit({ "b.yaml": modelOf("b") });
      await repository.git("push", "--quiet", "origin", "HEAD:refs/pull/7/head");
      github.state.addPull({ number: 7, headSha: await repository.git("rev-parse", "HEAD") });
      const [first, second] = ["one", "two"].map((name) => ({ env, namespace: "default", name }));
      if (first === undefined || second === undefined) throw new Error("two tasks");
      for (const ref of [first, second]) {
        await until("the task", async () => (await readTask(redis, ref)) !== undefined);
        await world.until(ref, ({ phase }) => phase === "WaitingApproval");
      }
      expect(await deliver(url, "pull_request", {})).toBe(202);
      const checks = (): CheckRun[] => github.state.checkRuns.filter(({ name }) => name.includes("/ approval "));
      await until("the plan and both checks", async () => {
        return (await findPullNote(redis, env, 7))?.shown != null && checks().length === 2;
      });
      const [asked] = await readApprovals(redis, first);
      const body = `/countwheel approve one.${asked?.id}`;
      const comment = github.state.addComment({ pull: 7, login: "ada", body });
      expect(await deliver(url, "issue_comment", { action: "created", comment: { id: comment.id, body } })).toBe(202);
      const run = checks().find(({ name }) => name.includes(" two."));
      const identifier = run?.actions.find(({ label }) => label === "Approve")?.["identifier"];
      const check_run = { id: run?.id, external_id: run?.externalId, head_sha: run?.headSha };
      const sender = { login: "ada", id: 7, type: "User" };
      const pressed = { action: "requested_action", requested_action: { identifier }, check_run, sender };
      expect(await deliver(url, "check_run", pressed)).toBe(202);
      for (const ref of [first, second]) expect((await world.ended(ref, 30_000)).phase).toBe("Succeeded");
      await until("both checks", () => checks().every(({ conclusion }) => conclusion === "success"));
      expect(checks().map(({ title }) => title)).toEqual(
        checks().map(() => expect.stringMatching(/was approved by github:ada@127\.0\.0\.1:\d+$/)),
      );
    } finally {
      await world.close();
    }
  }, 120_000);

  async function start(env: string, login: Readonly<Record<string, string>> = TOKEN): Promise<string> {
    const source = ["--repo", repository.bare, "--ref", "main", "--interval", "1h", "--github", "acme/agents"];
    const words = ["--env", env, "--redis", server.url, ...source, "--listen", "127.0.0.1:0"];
    const started = spawn(process.execPath, [...ENTRY, "reconcile", ...words], {
      cwd: repository.folder,
      env: {
        PATH: process.env["PATH"] ?? "",
        CI: "true",
        COUNTWHEEL_WEBHOOK_SECRET: SECRET,
        ...login,
        GITHUB_API_URL: github.url,
      },
      stdio: ["ignore", "ignore", "pipe"],
    });
    child = started;
    for await (const line of createInterface({ input: started.stderr })) {
      const url = /http:\S+webhook/.exec(line)?.[0];
      if (url !== undefined) return url;
    }
    throw new Error("it ended before it listened");
  }

  async function serials(env: string): Promise<number[]> {
    return (await readHistory(redis, env, 10)).map(({ serial }) => serial);
  }
});

function answered(comment: Comment | undefined): boolean {
  return (comment?.reactions.size ?? 0) > 0;
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 2_500; tries += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited in vain for ${what}`);
}

async function deliver(url: string, event: string, more: object): Promise<number> {
  const body = JSON.stringify({ ...more, repository: { full_name: "acme/agents" } });
  const answer = await fetch(url, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      "x-github-event": event,
      "x-github-delivery": randomUUID(),
      "x-hub-signature-256": `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`,
    },
  });
  return answer.status;
}
