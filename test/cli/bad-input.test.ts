// What people meet when something is wrong: a clear problem, the right exit code, nothing pruned and nothing lost.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { renameSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { commandRoom, ENTRY, type Room } from "./command.ts";

const MODEL = "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n";
const agent = (name: string): string => `kind: Agent\nmetadata: {name: ${name}}\nspec: {model_ref: m, prompt: p}\n`;
const GOOD = { "agents/m.yaml": MODEL, "agents/a.yaml": agent("a"), "agents/b.yaml": agent("b") };

describeWithRedis("bad input", () => {
  let server: TestRedis;
  let room: Room;
  let env = "";
  let count = 0;

  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    env = `bad-${(count += 1)}`;
    room = commandRoom({
      COUNTWHEEL_REDIS_URL: server.url,
      COUNTWHEEL_ENV: env,
      COUNTWHEEL_SECRET_KEY: "sk-wrong",
      GIT_CONFIG_GLOBAL: "/dev/null",
    });
    room.write(GOOD);
  });
  afterEach(() => room.remove());

  const namesOf = async (kind: string): Promise<string[]> => {
    const { stdout } = await room.run("get", kind, "-o", "json");
    return JSON.parse(stdout).items.map((item: { metadata: { name: string } }) => item.metadata.name);
  };

  it("a broken manifest among good ones is named with its place, and the state stays as it was", async () => {
    expect((await room.run("apply", "agents", "--yes")).code).toBe(0);
    room.write({
      "agents/b.yaml": "kind: Agent\nmetadata: {name: b}\nspec:\n  model_rf: m\n",
      "agents/c.yaml": agent("c"),
    });
    const plan = await room.run("plan", "agents", "-o", "json");
    expect(plan.code).toBe(3);
    const { counts, problems, applyable, changes } = JSON.parse(plan.stdout);
    expect({ prune: counts.prune, applyable, changes: changes.map((change: { name: string }) => change.name) }).toEqual(
      {
        prune: 0,
        applyable: false,
        changes: ["c"],
      },
    );
    expect(problems.map((problem: { code: string }) => problem.code)).toContain("SCHEMA");
    const apply = await room.run("apply", "agents", "--yes");
    expect(apply.code).toBe(3);
    expect(`${apply.stdout}${apply.stderr}`).toMatch(/agents\/b\.yaml:\d+:\d+/);
    expect(await namesOf("agents")).toEqual(["a", "b"]);
  });

  it("a repository that is gone is unavailable, and nothing is pruned", async () => {
    const git = async (...words: readonly string[]): Promise<void> => {
      const child = spawn("git", ["-c", "user.name=a", "-c", "user.email=a@b.c", ...words], {
        cwd: join(room.folder, "agents"),
      });
      await once(child, "close");
    };
    await git("init", "-q", "-b", "main");
    await git("add", ".");
    await git("commit", "-qm", "one");
    const source = ["--repo", "agents", "--ref", "main"];
    expect((await room.run("apply", ...source, "--yes")).code).toBe(0);
    renameSync(join(room.folder, "agents"), join(room.folder, "gone"));
    const looked = await room.run("reconcile", ...source, "--once");
    expect([looked.code, `${looked.stdout}${looked.stderr}`]).toEqual([
      1,
      expect.stringContaining("REPOSITORY_UNREACHABLE"),
    ]);
    expect(await namesOf("agents")).toEqual(["a", "b"]);
  });

  it("a Redis that is away is said at once, as a value under -o json", async () => {
    const ran = await room.runProcess("get", "agents", "--redis", "redis://127.0.0.1:1", "-o", "json");
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout).error.code).toBe("REDIS_UNAVAILABLE");
  });

  it("a wrong key for a model fails the task, names where to look, and shows the key nowhere", async () => {
    const provider = createServer((_request, response) => {
      response.writeHead(401, { "content-type": "application/json" }).end('{"error":{"message":"bad key"}}');
    });
    provider.listen(0, "127.0.0.1");
    await once(provider, "listening");
    const url = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/v1`;
    room.write({
      "agents/m.yaml": `kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: openai, default_model: gpt-4o, base_url: "${url}", auth: {secretRef: key}}\n`,
      "agents/key.yaml": "kind: Secret\nmetadata: {name: key}\nspec: {from: {value: {env: COUNTWHEEL_SECRET_KEY}}}\n",
      "agents/s.yaml": "kind: AgentSystem\nmetadata: {name: s}\nspec: {agents: [a]}\n",
    });
    expect((await room.run("apply", "agents", "--yes")).code).toBe(0);
    const runner = spawn(process.execPath, [...ENTRY, "runner", "--redis", server.url, "--env", env], {
      env: { PATH: process.env["PATH"] ?? "", COUNTWHEEL_SECRET_KEY: "sk-wrong" },
      stdio: "ignore",
    });
    const ran = await room.run("run", "s", "--wait", "-o", "json");
    runner.kill("SIGTERM");
    await once(runner, "close");
    provider.close();
    const task = JSON.parse(ran.stdout);
    expect([ran.code, task.phase, task.lastError.code]).toEqual([1, "Failed", "MODEL_AUTH"]);
    expect(task.lastError.message).toContain("m");
    const trace = await room.run("trace", task.name, "-o", "json");
    expect(`${ran.stdout}${ran.stderr}${trace.stdout}`).not.toContain("sk-wrong");
  });

  it("wrong words end with 64 and the nearest right one", async () => {
    const command = await room.runProcess("aply");
    expect([command.code, command.stderr]).toEqual([64, expect.stringContaining("apply")]);
    const kind = await room.run("get", "agnets");
    expect([kind.code, kind.stderr]).toEqual([64, expect.stringContaining("`agents`")]);
  });

  it("a variable that nobody knows is refused with the nearest name", async () => {
    const strange = commandRoom({ COUNTWHEEL_REDIS: "x" });
    const ran = await strange.runProcess("get", "agents");
    strange.remove();
    expect([ran.code, ran.stderr]).toEqual([64, expect.stringContaining("COUNTWHEEL_REDIS_URL")]);
  });
});
