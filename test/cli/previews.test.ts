// Previews by the commands alone: `reconcile --github`, `runner --previews-only`, and what people look at meanwhile.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { connectRedis, type Redis } from "../../store/connect.ts";
import { type TestRepository, testRepository } from "../git.ts";
import { type GithubServer, startGithub } from "../github/server.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { ENTRY } from "./command.ts";

const SETTINGS = "environments:\n  default: {previews: {prefix: try-, max_steps: 1, wait: 5m}}\n";
const FILES = {
  "countwheel.yaml": SETTINGS,
  "agents/desk.yaml": `kind: ModelEndpoint
metadata: {name: mock}
spec: {provider: mock, default_model: mock-1}
---
kind: Agent
metadata: {name: writer}
spec: {model_ref: mock}
---
kind: AgentSystem
metadata: {name: desk}
spec: {agents: [writer]}
---
kind: Task
metadata: {name: smoke, annotations: {countwheel.dev/run-on: pull_request}}
spec: {mode: template, system: desk, input: {topic: clocks}}
`,
};

describeWithRedis("previews, by the commands", () => {
  let server: TestRedis;
  let redis: Redis;
  let repository: TestRepository;
  let github: GithubServer;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    server = await testRedis();
    redis = connectRedis(server.url, "command");
    repository = await testRepository(FILES);
    SOURCE[1] = repository.bare;
    await repository.push();
    github = await startGithub({ "app-token": { kind: "app", slug: "countwheel" } });
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "exit");
    }
    redis.disconnect();
    await github.stop();
    await repository.remove();
    await server.stop();
    expect(github.violations).toEqual([]);
  });

  const SOURCE = ["--repo", "", "--ref", "main", "--path", "agents", "--github", "acme/agents"];

  it("run within the limits of countwheel.yaml as it lies there, are looked at by their environment, and leave no key", async () => {
    start("reconcile", ...SOURCE, "--interval", "1s");
    start("runner", "--previews-only");
    await until("the first apply", async () => (await redis.exists("cw:{e:default}:head")) === 1);
    await repository.git("checkout", "--quiet", "-b", "change");
    // The head gives itself more: it is not asked.
    const headSha = await repository.commit({
      "countwheel.yaml": SETTINGS.replace("max_steps: 1", "max_steps: 99, enabled: true"),
      "agents/desk.yaml": FILES["agents/desk.yaml"].replace("topic: clocks", "topic: wheels"),
    });
    await repository.git("push", "--quiet", "origin", "HEAD:refs/pull/7/head");
    await repository.git("checkout", "--quiet", "main");
    github.state.addPull({ number: 7, headSha });
    const check = () => github.state.checkRuns.find(({ name }) => name === "countwheel / preview");
    await until("its check", () => check()?.conclusion === "success");
    expect(check()).toMatchObject({ headSha, title: "1 of 1 task succeeded" });
    const [task, limits] = await Promise.all([
      run("get", "task", "smoke", "--env", "try-7", "-o", "json"),
      run("get", "policy", "countwheel-preview-limits", "--env", "try-7", "-o", "json"),
    ]);
    expect(JSON.parse(task)).toMatchObject({ phase: "Succeeded", input: { topic: "wheels" } });
    expect(limits).toContain('"steps": 1');
    // Nobody hears that it is closed; whoever looks next does away with it.
    const [reconciler] = children.splice(0, 1);
    reconciler?.kill("SIGKILL");
    github.state.addPull({ number: 7, headSha, closed: true });
    const once = [...SOURCE, "--once"];
    await until("its keys to go", async () => {
      await run("reconcile", ...once);
      return (await redis.keys("cw:{?:try-7*")).length === 0;
    });
    expect(await run("audit", "verify")).toMatch(/intact|verified/);
  }, 60_000);

  function start(...words: readonly string[]): void {
    children.push(
      spawn(process.execPath, [...ENTRY, ...words, "--redis", server.url], { ...place(), stdio: "ignore" }),
    );
  }

  async function run(...words: readonly string[]): Promise<string> {
    const child = spawn(process.execPath, [...ENTRY, ...words, "--redis", server.url], {
      ...place(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (bytes: Buffer) => (said += bytes.toString("utf8")));
    await once(child, "close");
    return said;
  }

  function place() {
    const env = { PATH: process.env["PATH"] ?? "", CI: "true", GITHUB_TOKEN: "app-token", GITHUB_API_URL: github.url };
    return { cwd: repository.folder, env };
  }
});

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1_500; tries += 1) {
    if (await holds()) return;
    await wait(20);
  }
  throw new Error(`waited in vain for ${what}`);
}
