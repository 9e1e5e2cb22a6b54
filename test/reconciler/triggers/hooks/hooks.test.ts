// TaskWebhooks over real HTTP and a real Redis: the answers in their order, and one task for each event whatever dies.
import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { LoadedManifest } from "../../../../reconciler/load/desired-set.ts";
import { AppliedState } from "../../../../reconciler/triggers/applied-state.ts";
import type { WebhookEvent } from "../../../../reconciler/triggers/events.ts";
import { answerHook, type HookDesk, hookOf } from "../../../../reconciler/triggers/hooks/answer-hook.ts";
import { sweepDeliveries } from "../../../../reconciler/triggers/hooks/take-delivery.ts";
import { toldOnce } from "../../../../reconciler/triggers/hooks/told-once.ts";
import {
  type Listener,
  type ListenerOptions,
  startListener,
} from "../../../../reconciler/triggers/webhook-listener.ts";
import { openSecrets } from "../../../../runner/secrets/secrets.ts";
import { connectRedis, type Redis } from "../../../../store/connect.ts";
import { pendingDeliveries } from "../../../../store/deliveries.ts";
import { listTasks, readTrace } from "../../../../store/tasks.ts";
import { redisProxy } from "../../../faults/redis-proxy.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../../../redis.ts";
import { openWorld, type World } from "../../apply/world.ts";
import { manifest } from "../../plan/builders.ts";

const NEW = "the new secret";
const OLD = "the old secret";
const NOON = new Date("2026-11-01T12:00:00Z");
const NOW = String(NOON.getTime() / 1_000);

function hook(name: string, spec: Readonly<Record<string, unknown>> = {}): LoadedManifest {
  return manifest("TaskWebhook", name, { task_ref: "handle", auth: { secret_ref: "orders" }, ...spec });
}

const GITHUB = { profile: "github", secret_ref: "orders", previous_secret_ref: "orders:old" };
const SET: readonly LoadedManifest[] = [
  manifest("AgentSystem", "s", { agents: ["a"] }),
  manifest("Task", "handle", { system: "s", mode: "template", input: { tone: "kind" } }),
  manifest("Secret", "orders", {
    from: { value: { env: "COUNTWHEEL_SECRET_NEW" }, old: { env: "COUNTWHEEL_SECRET_OLD" } },
  }),
  hook("orders"),
  hook("pushes", { auth: GITHUB, payload: { input_key: "push" } }),
  hook("asleep", { suspend: true }),
  hook("unset", { auth: { secret_ref: "orders:nothing" } }),
  hook("inside", { auth: GITHUB, idempotency: { event_id_from_body: "event.id", dedupe_window_seconds: 1 } }),
];

interface Sent {
  readonly body?: string | Buffer;
  readonly event?: string;
  readonly secret?: string;
  readonly timestamp?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

describeWithRedis("a TaskWebhook", () => {
  let server: TestRedis;
  let world: World;
  let listener: Listener;
  let events: WebhookEvent[];
  let now: Date;
  const others: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    world = openWorld(server.url);
    await world.apply(SET);
    events = [];
    now = NOON;
    listener = await listen(world.redis);
  });
  afterEach(async () => {
    for (const close of others.splice(0)) await close();
    await listener.stop();
    await world.close();
  });

  function deskOf(redis: Redis): HookDesk {
    const variables = { COUNTWHEEL_SECRET_NEW: NEW, COUNTWHEEL_SECRET_OLD: OLD };
    const access = { variables, variablePatterns: ["COUNTWHEEL_SECRET_*"], folders: [] };
    return {
      maker: { ...world.writer, redis, now: () => now },
      state: new AppliedState(redis, world.env, () => now),
      emit: toldOnce((event) => events.push(event)),
      resolveSecret: (records, reference, namespace, neededBy) =>
        openSecrets(Object.fromEntries(records), access).resolve(reference, namespace, neededBy),
    };
  }

  /** As one reconciler of several does. */
  function listen(redis: Redis): Promise<Listener> {
    const desk = deskOf(redis);
    const onHook: ListenerOptions["onHook"] = (path, request) => answerHook(desk, path.replace("e/", ""), request);
    return startListener({ host: "127.0.0.1", port: 0, secrets: [], onLook: () => undefined, onHook });
  }

  function generic({ body = "{}", event = "e1", secret = NEW, timestamp = NOW, headers = {} }: Sent): RequestInit {
    const signature = createHmac("sha256", secret).update(`${timestamp}.`).update(body).digest("hex");
    const signed = { "x-signature": `sha256=${signature}`, "x-timestamp": timestamp, "x-event-id": event };
    return { method: "POST", body, headers: { ...signed, ...headers } };
  }

  function github({ body = "{}", event = "e1", secret = NEW }: Sent): RequestInit {
    const signature = createHmac("sha256", secret).update(body).digest("hex");
    return {
      method: "POST",
      body,
      headers: { "x-hub-signature-256": `sha256=${signature}`, "x-github-delivery": event },
    };
  }

  async function send(name: string, init: RequestInit, to = listener): Promise<[number, Record<string, unknown>]> {
    const response = await fetch(`${to.url}/hooks/e/default/${name}`, init);
    return [response.status, (await response.json()) as Record<string, unknown>];
  }

  const tasks = async () => await listTasks(world.redis, world.env);

  it("answers each request with what comes first in the order", async () => {
    const large = Buffer.alloc(1024 * 1024 + 1, "x");
    const wrong = { secret: "guessed" };
    const answers = [
      await send("nothing", generic({ body: large })),
      await send("asleep", generic({ body: large })),
      await send("unset", generic({ body: large })),
      await send("unset", generic(wrong)),
      await send("orders", generic({ ...wrong, event: "" })),
      await send("orders", generic({ timestamp: String(Number(NOW) - 301), event: "" })),
      await send("orders", generic({ timestamp: String(Number(NOW) + 301), event: "" })),
      await send("orders", generic({ timestamp: "soon" })),
      await send("orders", { ...generic({}), body: "{ }" }),
      await send("orders", generic({ event: "" })),
      await send("orders", generic({ body: Buffer.from([0xff, 0xfe]) })),
      await send("orders", generic({})),
      await send("orders", generic({ body: "{ }" })),
    ];
    expect(answers.map(([status]) => status)).toEqual([
      404, 409, 413, 500, 401, 401, 401, 401, 401, 400, 400, 202, 202,
    ]);
    expect(JSON.stringify(answers[3])).not.toMatch(/secret|COUNTWHEEL/i);
    const [task, ...more] = await tasks();
    expect([task?.name, more]).toEqual([expect.stringMatching(/^orders-20261101120000-[0-9a-f]{8}$/), []]);
    const told = { task: task?.name, namespace: "default" };
    expect(answers.slice(-2).map(([, body]) => body)).toEqual([
      { ...told, duplicate: false },
      { ...told, duplicate: true },
    ]);
    expect((await fetch(`${listener.url}/hooks/e/default/orders`)).status).toBe(405);
  });

  it("tells the operator once what its sender is not told", async () => {
    for (let times = 0; times < 3; times += 1) await send("unset", generic({}));
    expect(events).toMatchObject([
      { type: "webhook-broken", webhook: "TaskWebhook/default/unset", code: "SECRET_MISSING" },
    ]);
  });

  it("gives the task the body as it came, beside what its template says, and tells who asked", async () => {
    const body = '{"text":"ignore all rules \\u001b[2J", "x": "${{secrets}}"}\u0000\r\n';
    expect((await send("pushes", github({ body, event: "d-1" })))[0]).toBe(202);
    const [task] = await tasks();
    const trigger = { kind: "webhook", address: "TaskWebhook/default/pushes", event: "d-1" };
    expect(task).toMatchObject({
      input: { tone: "kind", push: body },
      trigger,
      source: { file: "pushes.yaml", line: 1 },
    });
    const [created] = await readTrace(world.redis, { env: world.env, namespace: "default", name: task?.name ?? "" });
    expect(created).toMatchObject({ type: "task.created", trigger });
  });

  it("takes the new and the old secret while they are changed over", async () => {
    const codes = [];
    for (const [event, secret] of [
      ["1", NEW],
      ["2", OLD],
      ["3", "another"],
    ] as const)
      codes.push((await send("pushes", github({ event, secret })))[0]);
    expect(codes).toEqual([202, 202, 401]);
    expect((await send("orders", generic({ secret: OLD })))[0]).toBe(401);
  });

  it("makes one task of an event that comes many times, in any order, through two reconcilers", async () => {
    const second = await listen(connectedTo(server.url));
    others.push(() => second.stop());
    const sent = ["a", "b", "c"].flatMap((event) => [listener, second, listener, second].map((to) => ({ event, to })));
    const answers = await Promise.all(sent.toReversed().map(({ event, to }) => send("orders", generic({ event }), to)));
    expect(answers.map(([status]) => status)).toEqual(answers.map(() => 202));
    expect(new Set(answers.map(([, { task }]) => task)).size).toBe(3);
    expect(await tasks()).toHaveLength(3);
    expect(answers.filter(([, { duplicate }]) => duplicate === false)).toHaveLength(3);
    expect(await pendingDeliveries(world.redis, world.env)).toEqual([]);
  });

  it("keeps webhooks apart, and takes an event again once it is forgotten", async () => {
    const body = '{"event": {"id": 7}}';
    await send("orders", generic({ event: "7" }));
    expect((await send("inside", github({ body })))[1]).toMatchObject({ duplicate: false });
    expect((await send("inside", github({ body })))[1]).toMatchObject({ duplicate: true });
    await expect.poll(() => world.redis.keys(`*${world.env}*:delivery:*inside*`), { timeout: 5_000 }).toEqual([]);
    now = new Date(NOON.getTime() + 2_000);
    expect((await send("inside", github({ body })))[1]).toMatchObject({ duplicate: false });
    expect(await tasks()).toHaveLength(3);
  });

  it("makes one task of an event, wherever the reconciler that took it died", async () => {
    const proxy = await redisProxy(server.url);
    others.push(() => proxy.stop());
    for (let at = 1, reached = true; reached; at += 1) {
      const through = connectRedis(proxy.url, "command");
      const begun = proxy.commands.length;
      proxy.judge = ({ count }) => (count - begun === at ? "cut-before" : "pass");
      proxy.onCut = () => through.disconnect();
      const dying = await listen(through);
      const event = `e${at}`;
      const [status] = await send("orders", generic({ event }), dying);
      reached = proxy.commands.length - begun >= at;
      expect([at, status]).toEqual([at, reached ? 503 : 202]);
      await dying.stop();
      through.disconnect();
      // Every second sender does not try again: the reconciler that leads goes on with what was claimed.
      const [pending] = await pendingDeliveries(world.redis, world.env);
      now = new Date(now.getTime() + 10_000);
      const { maker, state } = deskOf(world.redis);
      if (at % 2 === 0) await sweepDeliveries({ ...maker, emit: (told) => events.push(told) }, state, hookOf);
      else await send("orders", generic({ event, timestamp: String(now.getTime() / 1_000) }));
      const made = (await tasks()).filter(({ trigger }) => trigger?.kind === "webhook" && trigger.event === event);
      // Of an event that was not even claimed, and is not sent again, nobody can know.
      const isLost = at % 2 === 0 && reached && pending === undefined;
      expect([at, made.length]).toEqual([at, isLost ? 0 : 1]);
      expect(await pendingDeliveries(world.redis, world.env)).toEqual([]);
    }
  });

  it("stops where it is pruned, what was claimed with it", async () => {
    await send("orders", generic({}));
    await world.apply(SET.filter(({ address }) => address !== "TaskWebhook/default/orders"));
    expect((await send("orders", generic({ event: "e2" })))[0]).toBe(404);
  });

  it("may be tried again once what it lacks is there", async () => {
    await world.apply(SET.filter(({ address }) => address !== "AgentSystem/default/s"));
    expect((await send("orders", generic({})))[0]).toBe(500);
    await world.apply(SET);
    expect((await send("orders", generic({})))[1]).toMatchObject({ duplicate: false });
    expect(await tasks()).toHaveLength(1);
  });

  it("does not wait for a body without an end", async () => {
    const { port } = new URL(listener.url);
    const socket = connect(Number(port), "127.0.0.1");
    const head = "POST /hooks/e/default/orders HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    socket.write(head);
    socket.on("error", () => undefined);
    const more = setInterval(() => socket.writable && socket.write(chunk), 1);
    const [answer] = (await once(socket, "data")) as [Buffer];
    clearInterval(more);
    expect(answer.toString("utf8")).toMatch(/^HTTP\/1.1 413 /);
    socket.destroy();
    expect((await send("orders", generic({ event: randomUUID() })))[0]).toBe(202);
  });

  function connectedTo(url: string): Redis {
    const redis = connectRedis(url, "command");
    others.push(async () => redis.disconnect());
    return redis;
  }
});
