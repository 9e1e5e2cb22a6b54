// `reconcile` as a whole process: a dry run that writes nothing beside a live one, and webhooks that hurry it up.
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { nameOnGithub } from "../../cli/reconcile/name-on-github.ts";
import { connectRedis, type Redis } from "../../store/connect.ts";
import { suspend } from "../../store/holds.ts";
import { environmentKeys } from "../../store/keys.ts";
import { readState } from "../../store/state.ts";
import { type TestRepository, testRepository } from "../git.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { ENTRY } from "./command.ts";

const MODEL = "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n";
const SECRET = "a secret of this test";

describeWithRedis("the command reconcile", () => {
  let server: TestRedis;
  let redis: Redis;
  let env: string;
  let repository: TestRepository;
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    server = await testRedis();
    redis = connectRedis(server.url, "command");
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });
  beforeEach(async () => {
    env = `t-${randomUUID().slice(0, 8)}`;
    repository = await testRepository({ "m.yaml": MODEL });
    await repository.push();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    await repository.remove();
  });

  function start(...words: readonly string[]) {
    const source = ["--repo", repository.bare, "--ref", "main", "--interval", "1h", "-o", "jsonl"];
    return startWith(["--env", env, "--redis", server.url, ...source, ...words]);
  }

  function startWith(words: readonly string[]) {
    const child = spawn(process.execPath, [...ENTRY, "reconcile", ...words], {
      cwd: repository.folder,
      env: {
        PATH: process.env["PATH"] ?? "",
        CI: "true",
        COUNTWHEEL_WEBHOOK_SECRET: SECRET,
        GITHUB_TOKEN: "of nobody",
        // Nothing is there: what cannot be told must not keep the reconciler from its work.
        GITHUB_API_URL: "http://127.0.0.1:9",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.push(child);
    const exited = new Promise<number | null>((resolve) => void child.once("exit", resolve));
    return { child, exited, events: linesOf(child.stdout), said: linesOf(child.stderr) };
  }

  it("writes nothing in a dry run, and says what it would apply", async () => {
    expect(await start("--once").exited).toBe(0);
    // A record that is not what Git says makes a dry run look at everything that it can look at.
    await redis.hdel(environmentKeys(env).inventory, "ModelEndpoint/default/m");
    await repository.commit({ "n.yaml": MODEL.replace("name: m", "name: n") });
    await repository.push();
    const monitor = await redis.monitor();
    const commands = new Set<string>();
    monitor.on("monitor", (_time: string, words: string[]) => void commands.add((words[0] ?? "").toLowerCase()));
    const dry = start("--dry-run", "--listen", "127.0.0.1:0");
    expect(await nextLine(dry.events, /would-apply/)).toMatchObject({ env, counts: { create: 1 } });
    dry.child.kill("SIGTERM");
    expect(await dry.exited).toBe(0);
    const looked = start("--dry-run", "--once");
    expect(await looked.exited).toBe(0);
    monitor.disconnect();
    expect(commands.size).toBeGreaterThan(3);
    expect(await writesAmong([...commands])).toEqual([]);
    expect((await readState(redis, env)).head?.serial).toBe(1);
  }, 60_000);

  it("looks at once at a webhook's word about a repository of its own", async () => {
    const live = start("--github", "Acme/agents", "--listen", "127.0.0.1:0");
    const url = /http:\S+webhook/.exec(await nextText(live.said, /Hearing/))?.[0] ?? "";
    await nextLine(live.events, /"applied"/);
    // A suspension rings nothing and moves no head: only a look that was asked for finds it.
    await suspend(redis, env, null, { by: "ada", since: "2026-11-01T12:00:00Z", reason: "" });
    expect(await deliver(url, "some/where")).toBe(202);
    expect(await deliver(url, "acme/Agents")).toBe(202);
    await nextLine(live.events, /"held"/);
  }, 60_000);

  it("serves all environments of countwheel.yaml, and lets one that fails disturb none of the others", async () => {
    const names = [`${env}-a`, `${env}-b`, `${env}-gone`];
    const at = (name: string): string => (name.endsWith("gone") ? "./nowhere" : repository.bare);
    const written = names.map((name) => `  ${name}: {repo: "${at(name)}", ref: main}\n`).join("");
    await repository.write({ "countwheel.yaml": `environments:\n${written}` });
    const words = ["--all", "--redis", server.url, "--interval", "1h", "-o", "jsonl"];
    const all = startWith(words);
    const seen = new Map<string, string[]>(names.map((name) => [name, []]));
    const wanted = ["applied", "applied", "unavailable"];
    while (!names.every((name, index) => seen.get(name)?.includes(wanted[index] ?? "") === true)) {
      const { env: name, type } = (await nextLine(all.events, /^/)) as { env: string; type: string };
      seen.get(name)?.push(type);
    }
    expect([...seen.values()].map(([first]) => first)).toEqual(["leading", "leading", "leading"]);
    const other = startWith([...words, "--path", "."]);
    expect(await other.exited).toBe(64);
    await repository.commit({ "n.yaml": MODEL.replace("name: m", "name: n") });
    await repository.push();
    expect(await nextLine(all.events, /"applied"/)).toMatchObject({ serial: 2 });
    expect(await nextLine(all.events, /"applied"/)).toMatchObject({ serial: 2 });
  }, 60_000);

  it("knows a repository by its name on GitHub, whatever the transport", () => {
    expect(nameOf("https://github.com/acme/agents.git")).toBe("acme/agents");
    expect(nameOf("https://github.com/acme/agents/")).toBe("acme/agents");
    expect(nameOf("git@github.com:acme/a.b.git")).toBe("acme/a.b");
    expect(nameOf("/srv/acme/agents")).toBeUndefined();
  });

  async function writesAmong(names: readonly string[]): Promise<string[]> {
    const facts = (await redis.call("COMMAND", "INFO", ...names)) as [string, number, string[]][];
    return facts.filter(([, , flags]) => flags.includes("write")).map(([name]) => name);
  }
});

function nameOf(repo: string): string | undefined {
  return nameOnGithub({ kind: "commit", repo, ref: "main", path: "." }, undefined);
}

function linesOf(input: Readable): AsyncIterator<string> {
  return createInterface({ input })[Symbol.asyncIterator]();
}

async function nextText(lines: AsyncIterator<string>, wanted: RegExp): Promise<string> {
  for (;;) {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`it ended without ${wanted}`);
    if (wanted.test(value)) return value;
  }
}

async function nextLine(lines: AsyncIterator<string>, wanted: RegExp): Promise<unknown> {
  return JSON.parse(await nextText(lines, wanted));
}

async function deliver(url: string, repository: string): Promise<number> {
  const body = JSON.stringify({ ref: "refs/heads/main", repository: { full_name: repository } });
  const answer = await fetch(url, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      "x-github-event": "push",
      "x-github-delivery": randomUUID(),
      "x-hub-signature-256": `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`,
    },
  });
  return answer.status;
}
