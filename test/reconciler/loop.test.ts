// Ticks and the loop over a real repository and a real Redis: pushes are noticed, and what cannot be read changes nothing.

import { randomUUID } from "node:crypto";
import { mkdtemp, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { addressOf } from "../../contracts/address.ts";
import { TransientFailure } from "../../contracts/failure.ts";
import { Bell } from "../../reconciler/bell.ts";
import { openSource } from "../../reconciler/environment-source.ts";
import { createLoader } from "../../reconciler/load/load-files.ts";
import { type LoopEvent, type LoopOptions, type LoopSource, runLoop } from "../../reconciler/loop.ts";
import { type TickOptions, tick } from "../../reconciler/tick.ts";
import { resume, suspend } from "../../store/holds.ts";
import { environmentKeys, taskKeys } from "../../store/keys.ts";
import { createTask, readTask } from "../../store/tasks.ts";
import { runGit, TEST_GIT, type TestRepository, testRepository } from "../git.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { taskOf } from "../store/world.ts";
import { openWorld, type World } from "./apply/world.ts";
import { TOOL } from "./plan/builders.ts";

const MODEL = "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n";
const agent = (name: string): string => `kind: Agent\nmetadata: {name: ${name}}\nspec: {model_ref: m, prompt: p}\n`;

describeWithRedis("the reconciler", () => {
  let server: TestRedis;
  let world: World;
  let repository: TestRepository;
  let mirrorFolder: string;
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    world = openWorld(server.url);
    repository = await testRepository({
      "agents/m.yaml": MODEL,
      "agents/a.yaml": agent("a"),
      "agents/b.yaml": agent("b"),
    });
    await repository.push();
    mirrorFolder = await mkdtemp(join(tmpdir(), "cw-mirror-"));
  });
  afterEach(async () => {
    await world.close();
    await repository.remove();
    await rm(mirrorFolder, { recursive: true, force: true });
  });

  function options(more: Partial<LoopOptions> = {}): Omit<LoopOptions, "emit"> {
    const spec = { kind: "commit", repo: repository.bare, ref: "main", path: "agents" } as const;
    const tools = { git: TEST_GIT, mirrorFolder, loader: createLoader(), onProblem: () => undefined };
    const signal = new AbortController().signal;
    const source = openSource(spec, tools);
    return {
      source,
      writer: world.writer,
      tool: TOOL,
      newId: randomUUID,
      allowHistory: [],
      signal,
      intervalMs: 60_000,
      random: () => 0.5,
      ...more,
    };
  }

  const look = (more: Partial<TickOptions> = {}) => tick({ ...options(), onPlan: () => undefined, ...more });
  const names = async (): Promise<string[]> => [...(await world.read()).records.keys()];

  it("applies what the branch holds, and then has nothing to do", async () => {
    expect(await look()).toMatchObject({ outcome: "applied", serial: 1 });
    expect(await names()).toEqual(["Agent/default/a", "Agent/default/b", "ModelEndpoint/default/m"]);
    expect(await look()).toMatchObject({ outcome: "unchanged" });
  });

  it("ends tasks whose time is over, though no runner is there to look", async () => {
    const { redis, queue, env } = world.writer;
    const task = taskOf(env);
    await createTask(redis, queue, task);
    await redis.hincrby(taskKeys(task.ref).task, "queuedAtMs", -25 * 60 * 60_000);
    const stop = new AbortController();
    const running = runLoop({ ...options({ signal: stop.signal }), emit: () => undefined });
    await expect
      .poll(async () => (await readTask(redis, task.ref))?.lastError?.code, { timeout: 15_000 })
      .toBe("TASK_WAIT_TIMEOUT");
    stop.abort();
    await running;
  });

  it("changes nothing while the repository cannot be read", async () => {
    await look();
    await rename(repository.bare, `${repository.bare}.gone`);
    expect(await look()).toMatchObject({ outcome: "unavailable" });
    expect(await names()).toHaveLength(3);
  });

  it("changes nothing while a manifest is broken, although another one is gone", async () => {
    await look();
    await repository.commit({ "agents/a.yaml": "kind: Agent\nspec: [", "agents/b.yaml": null });
    await repository.push();
    expect(await look()).toMatchObject({ outcome: "invalid", plan: { counts: { prune: 0 }, applyable: false } });
    expect(await names()).toHaveLength(3);
  });

  it("sees no change where a directory of 50 manifests is renamed", async () => {
    const many = Array.from({ length: 50 }, (_none, index) => [`agents/old/n${index}.yaml`, agent(`n${index}`)]);
    await repository.commit(Object.fromEntries(many));
    await repository.push();
    expect(await look()).toMatchObject({ outcome: "applied", plan: { counts: { create: 53 } } });
    await repository.git("mv", "agents/old", "agents/new");
    await repository.commit({});
    await repository.push();
    expect(await look()).toMatchObject({ outcome: "unchanged", plan: { counts: { noop: 53 }, changes: [] } });
  });

  it("prunes what was deleted", async () => {
    await look();
    await repository.commit({ "agents/b.yaml": null });
    await repository.push();
    expect(await look()).toMatchObject({ outcome: "applied", plan: { counts: { prune: 1 } } });
  });

  it("prunes nothing whose file gave way to a link or to a text that is no manifest, and counts no serial up", async () => {
    await look();
    await repository.commit({ "agents/a.yaml": "services: {}\n", "agents/b.yaml": null });
    await symlink("../elsewhere/b.yaml", join(repository.folder, "agents/b.yaml"));
    await repository.commit({});
    await repository.push();
    expect(await look()).toMatchObject({ outcome: "held", hold: { why: "blocked" }, plan: { counts: { blocked: 2 } } });
    expect(await names()).toHaveLength(3);
    expect((await world.read()).head?.serial).toBe(1);
  });

  it("holds a branch that was rewritten, and says both commits, until it is allowed", async () => {
    const from = await repository.git("rev-parse", "HEAD");
    await look();
    await repository.git("commit", "--quiet", "--amend", "--message", "rewritten");
    const to = await repository.commit({ "agents/b.yaml": null });
    await repository.push("--force");
    expect(await look()).toMatchObject({ outcome: "held", hold: { why: "history", history: "unrelated", from, to } });
    expect(await names()).toHaveLength(3);
    expect(await look({ allowHistory: ["unrelated"] })).toMatchObject({ outcome: "applied" });
  });

  it("holds where the state that it knew is gone", async () => {
    await look();
    const { head } = await world.read();
    await world.redis.del(Object.values(environmentKeys(world.env)));
    expect(await look()).toMatchObject({
      outcome: "held",
      hold: { why: "lineage", was: head?.lineage, is: null },
    });
    expect(await names()).toEqual([]);
    await world.writer.lineages.forget();
    expect(await look()).toMatchObject({ outcome: "applied" });
  });

  it("notices a push and applies it, without waiting for its interval", async () => {
    const stop = new AbortController();
    const heard = listen();
    const running = runLoop({ ...options({ signal: stop.signal }), emit: heard.emit });
    expect(await heard.until(isApplied(1))).toBe(true);
    await repository.commit({ "agents/c.yaml": agent("c") });
    await repository.push();
    expect(await heard.until(isApplied(2))).toBe(true);
    stop.abort();
    await running;
    expect(await names()).toHaveLength(4);
    expect(heard.events.map(kindOf)).toEqual(["planned", "applied", "planned", "applied"]);
  });

  it("applies a resource that is resumed, although nothing was pushed", async () => {
    await look();
    const word = { by: "Ada", since: "2026-01-01T00:00:00.000Z" };
    const address = addressOf({ kind: "Agent", namespace: "default", name: "a" });
    await suspend(world.redis, world.env, address, { ...word, reason: "" });
    await repository.commit({ "agents/a.yaml": agent("a").replace("p}", "q}"), "agents/c.yaml": agent("c") });
    await repository.push();
    const stop = new AbortController();
    const heard = listen();
    const given = options({ signal: stop.signal, intervalMs: 20 });
    const running = runLoop({ ...given, source: { ...given.source, watch: async () => undefined }, emit: heard.emit });
    expect(await heard.until((event) => kindOf(event) === "held")).toBe(true);
    expect((await world.read()).records.get(address)?.manifest.spec["prompt"]).toBe("p");
    await resume(world.redis, world.env, address, word);
    expect(await heard.until(isApplied(3))).toBe(true);
    stop.abort();
    await running;
    expect((await world.read()).records.get(address)?.manifest.spec["prompt"]).toBe("q");
  });

  it("makes a few plans of two hundred pushes, and applies the last", async () => {
    const stop = new AbortController();
    const heard = listen();
    // The pushes take half a second here, instead of ten: the pace is shorter, too.
    const pace = { firstMs: 50, longestMs: 400 };
    const running = runLoop({ ...options({ signal: stop.signal, pace }), emit: heard.emit });
    expect(await heard.until(isApplied(1))).toBe(true);
    const head = await pushMany(repository, 200);
    const isLast = (event: LoopEvent): boolean =>
      event.type === "ended" && event.result.outcome === "applied" && event.result.plan.source.headSha === head;
    expect(await heard.until(isLast)).toBe(true);
    stop.abort();
    await running;
    const plans = heard.events.filter(({ type }) => type === "planned").length;
    expect(plans).toBeGreaterThan(1);
    expect(plans).toBeLessThan(10);
    expect((await world.read()).head?.commit).toBe(head);
  });

  it("applies at once what arrives while it backs off", async () => {
    const stop = new AbortController();
    const heard = listen();
    const bell = new Bell();
    const given = options({ signal: stop.signal, bell, random: () => 1 });
    let isDown = true;
    const source: LoopSource = {
      ...given.source,
      watch: async () => undefined,
      read: async (signal) => {
        // Asked for by the other side: far longer than this test lives.
        if (isDown) throw new TransientFailure("AWAY", "away", { retryAfterMs: 3_600_000 });
        return given.source.read(signal);
      },
    };
    const running = runLoop({ ...given, source, emit: heard.emit });
    expect(await heard.until(({ type }) => type === "failed")).toBe(true);
    isDown = false;
    bell.ring();
    expect(await heard.until(isApplied(1))).toBe(true);
    stop.abort();
    await running;
  });

  it("plans and says in a dry run what it would apply, once, and applies nothing", async () => {
    const stop = new AbortController();
    const heard = listen();
    const running = runLoop({ ...options({ signal: stop.signal, dryRun: true }), emit: heard.emit });
    expect(await heard.until((event) => kindOf(event) === "would-apply")).toBe(true);
    await repository.commit({ "agents/c.yaml": agent("c") });
    await repository.push();
    const again = (): boolean => heard.events.filter((event) => kindOf(event) === "would-apply").length === 2;
    expect(await heard.until(again)).toBe(true);
    stop.abort();
    await running;
    expect((await world.read()).head).toBeNull();
  });

  it("says once that the repository is gone, and goes on when it is back", async () => {
    const stop = new AbortController();
    const heard = listen();
    await rename(repository.bare, `${repository.bare}.gone`);
    const running = runLoop({ ...options({ signal: stop.signal, intervalMs: 20 }), emit: heard.emit });
    expect(await heard.until((event) => kindOf(event) === "unavailable")).toBe(true);
    await rename(`${repository.bare}.gone`, repository.bare);
    expect(await heard.until(isApplied(1))).toBe(true);
    stop.abort();
    await running;
    expect(heard.events.map(kindOf).filter((kind) => kind === "unavailable")).toHaveLength(1);
  });

  it("looks a head up, and reads nothing, while nothing moved", async () => {
    const stop = new AbortController();
    const heard = listen();
    const given = options({ signal: stop.signal, intervalMs: 10 });
    let reads = 0;
    let lookUps = 0;
    const source = {
      ...given.source,
      watch: async () => undefined,
      read: (signal: AbortSignal) => {
        reads += 1;
        return given.source.read(signal);
      },
      lookUp: async (signal: AbortSignal) => {
        lookUps += 1;
        if (lookUps === 3) stop.abort();
        return given.source.lookUp(signal);
      },
    };
    await runLoop({ ...given, source, emit: heard.emit });
    expect(reads).toBe(1);
  });
});

function kindOf(event: LoopEvent): string {
  return event.type === "ended" ? event.result.outcome : event.type;
}

function isApplied(serial: number): (event: LoopEvent) => boolean {
  return (event) => event.type === "ended" && event.result.outcome === "applied" && event.result.serial === serial;
}

/** Commits with changes, each moved into the bare repository as a push does it. Answers the last. */
async function pushMany(repository: TestRepository, count: number): Promise<string> {
  const stream = Array.from({ length: count }, (_none, index) => {
    const text = agent(`n${index}`);
    return `commit refs/heads/storm\ncommitter C <c@example.test> ${index} +0000\ndata 1\nx\n${
      index === 0 ? "from refs/heads/main^0\n" : ""
    }M 100644 inline agents/n.yaml\ndata ${text.length}\n${text}\n`;
  });
  await runGit(repository.bare, ["fast-import", "--quiet"], stream.join(""));
  const commits = (await runGit(repository.bare, ["rev-list", "--reverse", "main..storm"])).split("\n");
  // One process, and a transaction of its own for each.
  const pushes = commits.map((commit) => `start\nupdate refs/heads/main ${commit}\ncommit\n`).join("");
  await runGit(repository.bare, ["update-ref", "--stdin"], pushes);
  return commits.at(-1) ?? "";
}

/** Keeps what was said, and waits for more of it: at most ten seconds. */
function listen() {
  const events: LoopEvent[] = [];
  let waiting: (() => void) | undefined;
  const emit = (event: LoopEvent): void => {
    events.push(event);
    waiting?.();
  };
  const until = async (wanted: (event: LoopEvent) => boolean): Promise<boolean> => {
    const late = AbortSignal.timeout(10_000);
    while (!events.some(wanted) && !late.aborted) {
      await new Promise<void>((resolve) => {
        waiting = resolve;
        late.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    return events.some(wanted);
  };
  return { events, emit, until };
}
