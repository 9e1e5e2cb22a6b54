// Two reconcilers on one Redis, as real processes: one leads, the other takes over, and a leader that slept writes nothing.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { applyPlan } from "../../../reconciler/apply/apply-plan.ts";
import { suspend } from "../../../store/holds.ts";
import { acquireLead, type Lead } from "../../../store/leader.ts";
import { childProgram } from "../../children.ts";
import { type TestRepository, testRepository } from "../../git.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../../redis.ts";
import { openWorld, type World } from "../apply/world.ts";
import { manifest } from "../plan/builders.ts";

const MODEL = "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n";
const TTL_MS = 1_000;

describeWithRedis("replicas of a reconciler", () => {
  let server: TestRedis;
  let world: World;
  let repository: TestRepository;
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    world = openWorld(server.url);
    repository = await testRepository({ "m.yaml": MODEL });
    await repository.push();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    await world.close();
    await repository.remove();
  });

  /** Waits for events of one process, in their order. */
  function replica(holder: string) {
    const args = [
      childProgram("reconciler/leader/replica-child.ts"),
      server.url,
      world.env,
      repository.bare,
      holder,
      String(TTL_MS),
    ];
    const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    children.push(child);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const events: Record<string, unknown>[] = [];
    const until = async (wanted: Record<string, unknown>): Promise<void> => {
      for (;;) {
        const { value, done } = await lines.next();
        if (done === true) throw new Error(`it ended after ${JSON.stringify(events)}`);
        const event = JSON.parse(value) as Record<string, unknown>;
        events.push(event);
        if (Object.entries(wanted).every(([name, field]) => event[name] === field)) return;
      }
    };
    return { child, events, until };
  }

  async function pushModel(name: string): Promise<void> {
    await repository.commit({ [`${name}.yaml`]: MODEL.replace("name: m", `name: ${name}`) });
    await repository.push();
  }

  it("lets one lead; the other takes over from one that sleeps, and back from one that dies", async () => {
    const first = replica("first");
    await first.until({ type: "applied", serial: 1 });
    const second = replica("second");
    await second.until({ type: "standing-by", behind: "first" });
    await pushModel("x");
    await first.until({ type: "applied", serial: 2 });

    first.child.kill("SIGSTOP");
    await second.until({ type: "leading" });
    await pushModel("y");
    await second.until({ type: "applied", serial: 3 });
    first.child.kill("SIGCONT");
    await first.until({ type: "standing-by", behind: "second" });

    second.child.kill("SIGKILL");
    await pushModel("z");
    await first.until({ type: "leading" });
    await first.until({ type: "applied", serial: 4 });
    expect((await world.read()).records.size).toBe(4);
    const applies = [...first.events, ...second.events].filter(({ type }) => type === "applied");
    expect(applies).toHaveLength(4);
    expect(new Set(applies.map(({ serial }) => serial))).toEqual(new Set([1, 2, 3, 4]));
  }, 60_000);

  it("passes a webhook's word on to the leader", async () => {
    const first = replica("first");
    await first.until({ type: "applied", serial: 1 });
    const second = replica("second");
    await second.until({ type: "standing-by" });
    // A suspension rings nothing and moves no head: only a look that was asked for finds it.
    await suspend(world.redis, world.env, null, { by: "ada", since: "2026-11-01T12:00:00Z", reason: "" });
    second.child.stdin?.write("look\n");
    await first.until({ type: "held" });
  }, 60_000);

  it("refuses the apply of a stale leader in the switch itself, although it does not know yet", async () => {
    const stale = await lead("slept");
    await stale.release();
    await lead("awake");
    const asleep = { ...world.writer, lead: { holder: stale.holder, token: stale.token, check: () => undefined } };
    const set = [manifest("ModelEndpoint", "m", { provider: "mock" })];
    const [made, observed] = [await world.planned(set), await world.read()];
    expect(await applyPlan(asleep, { plan: made, manifests: set, observed })).toEqual({ outcome: "lock-lost" });
    expect((await world.read()).head).toBeNull();
  });

  it("knows by its own clock that the lead is over, before anything tells it", async () => {
    const held = await lead("blocked", 60);
    const until = performance.now() + 80;
    // The event loop stands still, as in a process that was stopped.
    while (performance.now() < until);
    expect(held.signal.aborted).toBe(false);
    expect(() => held.check()).toThrow(/lead of environment/);
    expect(held.signal.aborted).toBe(true);
  });

  async function lead(holder: string, ttlMs = 5_000): Promise<Lead> {
    const answer = await acquireLead(world.redis, { env: world.env, holder, ttlMs });
    if (answer.outcome === "held") throw new Error(`held by ${answer.holder}`);
    return answer.lock;
  }
});
