// Schedules and webhooks as people use them: a reconciler that listens, is killed, and whose successor goes on.
import { spawn } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { connectRedis, type Redis } from "../../store/connect.ts";
import { environmentKeys } from "../../store/keys.ts";
import { readSchedules } from "../../store/schedules.ts";
import { swapSchedules } from "../../store/scripts/swap-schedules.ts";
import { listTasks } from "../../store/tasks.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { commandRoom, ENTRY, type Room } from "./command.ts";

const SECRET = "what the sender knows";
const AGENTS = `kind: ModelEndpoint
metadata: {name: m}
spec: {provider: mock, default_model: mock}
---
kind: Agent
metadata: {name: a}
spec: {model_ref: m, prompt: p}
---
kind: AgentSystem
metadata: {name: s}
spec: {agents: [a]}
---
kind: TaskSchedule
metadata: {name: yearly}
spec: {schedule: "0 0 1 1 *", task_template: {system: s}, starting_deadline_seconds: 40000000}
---
kind: TaskWebhook
metadata: {name: orders}
spec: {task_template: {system: s}, auth: {profile: github, secret_ref: orders}}
---
kind: Secret
metadata: {name: orders}
spec: {from: {value: {env: COUNTWHEEL_SECRET_ORDERS}}}
`;

describeWithRedis("a reconciler with schedules and webhooks", () => {
  let server: TestRedis;
  let redis: Redis;
  const env = `t-${randomUUID().slice(0, 8)}`;
  const room: Room = commandRoom();
  const children: { kill(signal: "SIGKILL"): unknown }[] = [];
  beforeAll(async () => {
    server = await testRedis();
    redis = connectRedis(server.url, "command");
    room.write({ "agents/a.yaml": AGENTS });
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });
  afterAll(async () => {
    redis.disconnect();
    room.remove();
    await server.stop();
  });

  /** Answers where it hears webhooks. */
  async function start(): Promise<{ readonly url: string; readonly kill: () => Promise<unknown> }> {
    const words = ["up", "agents", "--redis", server.url, "--env", env, "--listen", "127.0.0.1:0"];
    const child = spawn(process.execPath, [...ENTRY, ...words], {
      cwd: room.folder,
      env: { PATH: process.env["PATH"] ?? "", CI: "true", HOME: room.folder, COUNTWHEEL_SECRET_ORDERS: SECRET },
      stdio: ["ignore", "ignore", "pipe"],
    });
    children.push(child);
    for await (const line of createInterface({ input: child.stderr })) {
      const url = /POST (http:\S+\/hooks\/[^/]+)\//.exec(line)?.[1];
      if (url === undefined) continue;
      child.stderr.resume();
      const kill = (): Promise<unknown> => {
        child.kill("SIGKILL");
        return once(child, "close");
      };
      return { url, kill };
    }
    throw new Error("it ended");
  }

  function deliver(url: string, event: string): Promise<Response> {
    const body = '{"order": 7}';
    const signature = `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`;
    const headers = { "x-hub-signature-256": signature, "x-github-delivery": event };
    return fetch(`${url}/default/orders`, { method: "POST", body, headers });
  }

  /** As if nobody had looked since the last year. */
  async function forget(): Promise<void> {
    const [kept] = await readSchedules(redis, env);
    if (kept === undefined) throw new Error("no schedule is remembered");
    const year = new Date().getUTCFullYear();
    const past = { judgedTo: `${year - 1}-12-31T00:00:00.000Z`, nextAt: `${year}-01-01T00:00:00.000Z` };
    const after = JSON.stringify({ ...kept.value, ...past });
    const swap = { field: kept.value.address, before: kept.text, after };
    expect(await swapSchedules(redis, env, { schedules: [swap], intents: [] })).toBe(true);
  }

  const names = async (): Promise<string[]> => (await listTasks(redis, env)).map(({ name }) => name).toSorted();

  it("takes each delivery and each slot once, across a kill, and shows them", async () => {
    const first = await start();
    await vi.waitFor(async () => expect(await readSchedules(redis, env)).toHaveLength(1), 20_000);
    const answers = await Promise.all([deliver(first.url, "d1"), deliver(first.url, "d1")]);
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    expect(await names()).toHaveLength(1);
    await first.kill();
    await forget();
    await redis.hset(environmentKeys(env).leader, "until", 0);
    const second = await start();
    const again = (await (await deliver(second.url, "d1")).json()) as { readonly duplicate: boolean };
    expect(again).toMatchObject({ task: (await names())[0], duplicate: true });
    const slot = `yearly-${new Date().getUTCFullYear()}01010000`;
    await vi.waitFor(async () => expect(await names()).toContain(slot), 20_000);
    const flags = ["--redis", server.url, "--env", env];
    const table = await room.run("get", "schedules", ...flags);
    expect(table.stdout).toMatch(/NAME +SCHEDULE +ZONE +LAST +NEXT +ACTIVE +MISSED/);
    expect(table.stdout).toMatch(/yearly +0 0 1 1 \* +UTC +\d{4}-01-01T00:00Z +\d{4}-01-01T00:00Z +[01] +0/);
    const told = await room.run("describe", "task", slot, ...flags);
    expect(told.stdout).toMatch(/Made by: +TaskSchedule\/default\/yearly, its slot \d{4}-01-01/);
    expect(await names()).toHaveLength(2);
  }, 60_000);
});
