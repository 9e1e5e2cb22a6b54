// Rounds that look for drift beside the loop: what they say, how often, and when they wake it.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { KindName } from "../../../contracts/address.ts";
import { defaultSettings } from "../../../contracts/environment.ts";
import { Bell } from "../../../reconciler/bell.ts";
import { ComparisonMemory } from "../../../reconciler/drift/comparison-memory.ts";
import { type DriftEvent, type DriftRounds, driftRound, runDriftRounds } from "../../../reconciler/drift/rounds.ts";
import { runLoop } from "../../../reconciler/loop.ts";
import { driftPart } from "../../../reconciler/plan/drift-part.ts";
import type { SourceAnswer } from "../../../reconciler/source/source.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../../redis.ts";
import { openWorld, type World } from "../apply/world.ts";
import { manifest, NOW, source, TOOL } from "../plan/builders.ts";
import { smuggle, tamper, tickOf } from "./world.ts";

const A = manifest("Agent", "a", { prompt: "p" });

describeWithRedis("rounds of drift", () => {
  let server: TestRedis;
  let world: World;
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    world = openWorld(server.url);
    await world.apply([A]);
    return () => world.close();
  });

  interface Words {
    readonly selfHeal?: readonly KindName[];
    readonly answer?: SourceAnswer;
    readonly intervalMs?: number;
  }

  function rounds({ selfHeal = [], answer = source([A]), intervalMs = 1 }: Words = {}) {
    const events: DriftEvent[] = [];
    let rings = 0;
    const stop = new AbortController();
    const settings = defaultSettings(world.env);
    const options: DriftRounds = {
      redis: world.redis,
      env: world.env,
      source: { read: async () => answer },
      settings: { ...settings, drift: { ...settings.drift, selfHeal, intervalMs } },
      probes: [],
      tool: TOOL,
      now: () => NOW,
      random: () => 0.5,
      ring: () => void (rings += 1),
      emit: (event) => void events.push(event),
      signal: stop.signal,
    };
    return { options, events, rings: () => rings, stop };
  }
  const change = (): Promise<void> => tamper(world.redis, world.env, A.address, () => ({ prompt: "evil" }));

  it("wake the loop for what heals by itself, and for nothing else", async () => {
    const healing = rounds({ selfHeal: ["Agent"] });
    await driftRound(healing.options);
    await smuggle(world.redis, world.env, manifest("Agent", "spy", {}));
    expect(await driftRound(healing.options)).toMatchObject({ type: "drift", report: { counts: { record: 1 } } });
    expect(healing.rings()).toBe(0);
    await change();
    const other = rounds({ selfHeal: ["Tool"] });
    expect(await driftRound(other.options)).toMatchObject({ report: { counts: { record: 2 } } });
    expect(other.rings()).toBe(0);
    await driftRound(healing.options);
    expect(healing.rings()).toBe(1);
  });

  it("say what drifted once, and that it is back", async () => {
    const { options, events, stop } = rounds();
    const running = runDriftRounds(options);
    await change();
    await expect.poll(() => events.length, { interval: 5 }).toBe(1);
    await tamper(world.redis, world.env, A.address, () => ({ prompt: "p" }));
    await expect.poll(() => events.length, { interval: 5 }).toBe(2);
    stop.abort();
    await running;
    expect(events).toMatchObject([{ report: { items: [{ address: A.address }] } }, { report: { items: [] } }]);
  });

  it("have a running loop put a record back that it remembers otherwise", async () => {
    const { options } = rounds({ selfHeal: ["Agent"] });
    const stop = new AbortController();
    const outcomes: string[] = [];
    const [bell, driftBell] = [new Bell(), new Bell()];
    const running = runLoop({
      source: {
        ...options.source,
        history: async () => "fast-forward",
        lookUp: async () => ({ status: "ok", sha: source([A]).identity.headSha ?? "" }),
        watch: async () => undefined,
      },
      writer: world.writer,
      settings: options.settings,
      tool: TOOL,
      newId: randomUUID,
      allowHistory: [],
      intervalMs: 60_000,
      pace: { firstMs: 0, longestMs: 0 },
      random: () => 0.5,
      bell,
      driftBell,
      emit: (event) => void (event.type === "ended" && outcomes.push(event.result.outcome)),
      signal: stop.signal,
    });
    await expect.poll(() => outcomes, { interval: 5 }).toEqual(["unchanged"]);
    await change();
    const ring = (): void => {
      driftBell.ring();
      bell.ring();
    };
    await driftRound({ ...options, ring });
    await expect.poll(() => outcomes, { interval: 5 }).toEqual(["unchanged", "applied"]);
    stop.abort();
    await running;
    expect((await world.read()).records.get(A.address)?.digest).toBe(A.digest);
  });

  it("tell the plans of looks and of pull requests what they found, until it is mended", async () => {
    const memory = new ComparisonMemory(world.redis, world.env);
    const { options } = rounds();
    const look = async () => {
      const outcome = await tickOf(world, [A], { comparison: memory });
      return outcome.outcome === "unavailable" ? undefined : outcome.plan;
    };
    expect((await look())?.drift).toEqual([]);
    await change();
    expect((await look())?.drift).toEqual([]);
    await driftRound({ ...options, onCompared: (found) => expect(memory.note(found)).toBe(true) });
    const [first, second] = [await look(), await look()];
    expect(first?.drift).toMatchObject([{ address: A.address, action: "update", fields: [{ path: "/spec/prompt" }] }]);
    expect(first?.digest).toBe(second?.digest);
    expect(first === undefined ? "" : driftPart(first, 9)).toContain("**Drift**: 1 resource");
    // Without a memory, as a single look has none, the records are compared there and then.
    const once = await tickOf(world, [A]);
    expect(once.outcome === "unavailable" ? [] : once.plan.drift).toHaveLength(1);
    await tamper(world.redis, world.env, A.address, () => ({ prompt: "p" }));
    expect((await look())?.drift).toEqual([]);
  });

  it("take a source that cannot be read for no answer, and go on", async () => {
    const reason = { code: "REPOSITORY_UNREACHABLE", message: "gone" } as const;
    const { options, rings } = rounds({ selfHeal: ["Agent"], answer: { status: "unavailable", reason } });
    await change();
    expect(await driftRound(options)).toEqual({ type: "drift-unknown", ...reason });
    expect(rings()).toBe(0);
  });
});
