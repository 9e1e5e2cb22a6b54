// An apply that ends at any of its commands to Redis: the state is the old one or the new one, never a mixture; the next
// look completes it; and each Task that is to run once has exactly one task.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import type { Writer } from "../../reconciler/apply/apply-plan.ts";
import { processLineageMemory } from "../../reconciler/apply/lineage-memory.ts";
import { createLoader } from "../../reconciler/load/load-files.ts";
import { loadSource } from "../../reconciler/source/load-source.ts";
import { type TickOutcome, tick } from "../../reconciler/tick.ts";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { readHistory } from "../../store/history.ts";
import { environmentKeys } from "../../store/keys.ts";
import { openQueue } from "../../store/queue.ts";
import { readState } from "../../store/state.ts";
import { pendingTaskIntents } from "../../store/task-intents.ts";
import { listTasks } from "../../store/tasks.ts";
import { ENTRY } from "../cli/command.ts";
import { type TestFiles, testRepository } from "../git.ts";
import { cases } from "../property.ts";
import { KIT } from "../reading-kit.ts";
import { TOOL } from "../reconciler/plan/builders.ts";
import { describeWithRedis, type TestRedis, testRedis, withRedis } from "../redis.ts";
import { type ProxiedCommand, type RedisProxy, redisProxy, type Verdict } from "./redis-proxy.ts";
import { agent, MODEL } from "./world.ts";

const SYSTEM = "kind: AgentSystem\nmetadata: {name: s}\nspec: {agents: [a]}\n";
const task = (name: string): string => `kind: Task\nmetadata: {name: ${name}}\nspec: {system: s, input: {topic: x}}\n`;
const roles = (count: number): string =>
  Array.from({ length: count }, (_, index) => `kind: AgentRole\nmetadata: {name: r${index}}\n`).join("---\n");

const OLD = {
  "agents/m.yaml": MODEL,
  "agents/s.yaml": SYSTEM,
  "agents/a.yaml": agent("a"),
  "agents/b.yaml": agent("b"),
  "agents/t.yaml": task("first"),
};
/** One of each: an update, a create, a prune, and Tasks to run. */
const NEW = {
  "agents/m.yaml": MODEL,
  "agents/s.yaml": SYSTEM,
  "agents/a.yaml": agent("a", "new"),
  "agents/c.yaml": agent("c"),
  "agents/t.yaml": `${task("first")}---\n${task("second")}---\n${task("third")}`,
};

/** At every command by night, at every third by day. */
const STRIDE = cases(1) > 1 ? 1 : 3;

describeWithRedis("an apply that ends at any command", () => {
  let server: TestRedis;
  let redis: Redis;
  withRedis((opened, on) => {
    [redis, server] = [opened, on];
  });

  it.each([
    ["before it is sent, for good", "cut-before", false],
    ["after it was carried out, for a moment", "cut-after", true],
  ] as const)(
    "%s, leaves one state or the other, and the next look completes it",
    async (_name, verdict, comesBack) => {
      for (let at = 1, reached = true; reached; at += STRIDE) {
        const proxy = await redisProxy(server.url);
        const env = `k-${randomUUID().slice(0, 8)}`;
        const lineages = processLineageMemory();
        expect(await lookAt(redis, env, lineages, OLD)).toMatchObject({ outcome: "applied" });
        const before = await digests(redis, env);

        const through = connectRedis(proxy.url, "command");
        proxy.judge = ({ count }): Verdict => {
          if (count !== at) return "pass";
          return verdict;
        };
        // Who is killed neither waits nor comes back.
        if (!comesBack) proxy.onCut = () => through.disconnect();
        await attempt(through, env, lineages);
        through.disconnect();
        reached = proxy.commands.length >= at;
        await proxy.stop();

        const between = await digests(redis, env);
        await lapse(redis, env);
        const completed = await lookAt(redis, env, lineages, NEW);
        expect(["applied", "unchanged"]).toContain(completed.outcome);
        const after = await digests(redis, env);
        expect([before, after]).toContainEqual(between);
        await isComplete(redis, env, at);
      }
    },
    180_000,
  );
});

interface Digests {
  readonly serial: number | undefined;
  readonly records: Readonly<Record<string, string>>;
}

async function digests(redis: Redis, env: string): Promise<Digests> {
  const { head, records } = await readState(redis, env);
  return {
    serial: head?.serial,
    records: Object.fromEntries([...records].map(([address, { digest }]) => [address, digest])),
  };
}

/** What was expected to fail has a name. */
async function attempt(redis: Redis, env: string, lineages: Writer["lineages"]): Promise<void> {
  try {
    await lookAt(redis, env, lineages, NEW);
  } catch (error) {
    if (!(error instanceof TransientFailure || error instanceof PermanentFailure)) throw error;
  }
}

async function isComplete(redis: Redis, env: string, at: number): Promise<void> {
  const state = await readState(redis, env);
  expect([at, state.head?.serial, [...state.records.keys()].length]).toEqual([at, 2, 7]);
  expect((await listTasks(redis, env)).map(({ name }) => name).toSorted()).toEqual(["first", "second", "third"]);
  expect(await pendingTaskIntents(redis, env)).toEqual([]);
  expect((await readHistory(redis, env, 10)).map(({ serial }) => serial)).toEqual([2, 1]);
  for (const key of await redis.keys(`*{e:${env}}:staging*`)) expect(await redis.ttl(key)).toBeGreaterThan(0);
}

/** The dead writer's lock has run out. */
async function lapse(redis: Redis, env: string): Promise<void> {
  const { lock } = environmentKeys(env);
  if ((await redis.exists(lock)) === 1) await redis.hset(lock, "until", 0);
}

async function lookAt(redis: Redis, env: string, lineages: Writer["lineages"], files: TestFiles): Promise<TickOutcome> {
  const queue = openQueue(redis, env);
  const { signal } = new AbortController();
  const identity = {
    repo: "/r",
    ref: "refs/heads/main",
    headSha: sha(files),
    treeSha: sha(files),
    path: "agents",
    dirty: false,
    commit: null,
  };
  const sources = Object.entries(files).map(([path, text]) => ({
    path,
    blob: `${path}${String(text).length}`,
    bytes: Buffer.from(text ?? ""),
  }));
  const answer = await loadSource({ status: "ok", identity, files: sources, problems: [] }, createLoader({}, KIT));
  const writer: Writer = {
    redis,
    queue,
    env,
    lineages,
    signal,
    now: () => new Date("2026-11-01T12:00:00Z"),
    holder: `test/${randomUUID()}`,
    lockWaitMs: 0,
    newLineage: randomUUID,
    reports: false,
  };
  const source = { read: async () => answer, history: async () => "fast-forward" as const };
  try {
    return await tick({
      source,
      writer,
      tool: TOOL,
      newId: randomUUID,
      allowHistory: [],
      signal,
      onPlan: () => undefined,
    });
  } finally {
    await queue.close();
  }
}

function sha(files: TestFiles): string {
  return (files === OLD ? "1" : "2").repeat(40);
}

type Point = (command: ProxiedCommand, seen: Seen) => boolean;

interface Seen {
  stagings: number;
}

const about = ({ parts }: ProxiedCommand, key: string): boolean => parts.some((part) => part.includes(`}:${key}`));
const isStaging = (command: ProxiedCommand): boolean => command.name === "hset" && about(command, "staging");
const isSwitch = (command: ProxiedCommand): boolean => command.name.startsWith("eval") && about(command, "staging");
const isOrdering = (command: ProxiedCommand): boolean => about(command, "snapshot");
const isSettling = (command: ProxiedCommand): boolean => command.name === "hdel" && about(command, "intents-pending");

/** In the order in which an apply comes to them: each process gets a step further than the one before it. */
const POINTS: (readonly [name: string, serial: number | undefined, verdict: Verdict, point: Point])[] = [
  ["before it stages", undefined, "cut-before", (command, { stagings }) => isStaging(command) && stagings === 0],
  ["while it stages", undefined, "cut-before", (command, { stagings }) => isStaging(command) && stagings === 1],
  ["between staging and switch", undefined, "cut-before", isSwitch],
  // By its text: nobody came so far before, and the server did not know the script by its hash.
  ["after the switch, before it knows", 1, "cut-after", (command) => isSwitch(command) && command.name === "eval"],
  ["before the tasks that were ordered", 1, "cut-before", isOrdering],
  ["after a task was made, before its order is settled", 1, "cut-before", isSettling],
  ["after an order is settled", 1, "cut-after", isSettling],
];

describeWithRedis("`reconcile --once`, killed", () => {
  let server: TestRedis;
  let redis: Redis;
  let home: string;
  let bare: string;
  let removeRepository: () => Promise<void>;
  beforeAll(async () => {
    const repository = await testRepository({ ...NEW, "agents/roles.yaml": roles(900) });
    await repository.push();
    bare = repository.bare;
    removeRepository = () => repository.remove();
    [server, home] = await Promise.all([testRedis(), mkdtemp(join(tmpdir(), "cw-kill-"))]);
    redis = connectRedis(server.url, "command");
  });
  afterAll(async () => {
    await closeRedis(redis);
    await Promise.all([server.stop(), removeRepository(), rm(home, { recursive: true, force: true })]);
  });

  it("at one point after the other, leaves nothing or all each time, and the last one completes it", async () => {
    const env = `c-${randomUUID().slice(0, 8)}`;
    for (const [name, serial, verdict, point] of POINTS) {
      const proxy = await redisProxy(server.url);
      const child = start(proxy.url, env);
      killAt(proxy, child.pid ?? 0, point, verdict);
      const [, signal] = (await once(child, "close")) as [number | null, string | null];
      await proxy.stop();
      const { head, records } = await readState(redis, env);
      const found = [name, signal, head?.serial, records.size];
      expect(found).toEqual([name, "SIGKILL", serial, serial === undefined ? 0 : 907]);
      await lapse(redis, env);
    }
    const [code] = (await once(start(server.url, env), "close")) as [number | null];
    expect(code).toBe(0);
    expect((await readState(redis, env)).head?.serial).toBe(1);
    expect((await listTasks(redis, env)).map(({ name }) => name).toSorted()).toEqual(["first", "second", "third"]);
    expect(await pendingTaskIntents(redis, env)).toEqual([]);
  }, 180_000);

  function start(url: string, env: string) {
    const words = [
      "reconcile",
      "--once",
      "--repo",
      bare,
      "--ref",
      "main",
      "--path",
      "agents",
      "--redis",
      url,
      "--env",
      env,
    ];
    return spawn(process.execPath, [...ENTRY, ...words], {
      cwd: home,
      env: { PATH: process.env["PATH"] ?? "", HOME: home, CI: "true", COUNTWHEEL_HOME: join(home, env) },
      stdio: "ignore",
    });
  }
});

function killAt(proxy: RedisProxy, pid: number, point: Point, verdict: Verdict): void {
  const seen: Seen = { stagings: 0 };
  proxy.onCut = () => void process.kill(pid, "SIGKILL");
  proxy.judge = (command): Verdict => {
    if (point(command, seen)) return verdict;
    if (isStaging(command)) seen.stagings += 1;
    return "pass";
  };
}
