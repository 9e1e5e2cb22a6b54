// What the state held after an apply of the past: found again from today's records and the applies since.

import { describe, expect, it } from "vitest";
import { type Address, addressOf } from "../../../contracts/address.ts";
import { type Digest, digestText } from "../../../contracts/canonical.ts";
import type { AppliedChange } from "../../../contracts/history.ts";
import { applyPlan } from "../../../reconciler/apply/apply-plan.ts";
import { findApply } from "../../../reconciler/history/find-apply.ts";
import { readRestored } from "../../../reconciler/history/read-restored.ts";
import { restoredSet } from "../../../reconciler/history/restored-set.ts";
import { tick } from "../../../reconciler/tick.ts";
import { readApply } from "../../../store/history.ts";
import { resume, suspend } from "../../../store/holds.ts";
import { environmentKeys } from "../../../store/keys.ts";
import { STORE_LIMITS } from "../../../store/limits.ts";
import { array, assert, cases, constantFrom, dictionary, property } from "../../property.ts";
import { describeWithRedis, type TestRedis, withWorlds } from "../../redis.ts";
import { openWorld, type World } from "../apply/world.ts";
import { manifest, source, TOOL } from "../plan/builders.ts";

type Content = Readonly<Record<string, string>>;

const named = (name: string): Address => addressOf({ kind: "Agent", namespace: "default", name });
const setOf = (content: Content): Map<Address, Digest> =>
  new Map(Object.entries(content).map(([name, text]) => [named(name), digestText(text)] as const));

function changesBetween(before: Map<Address, Digest>, after: Map<Address, Digest>): AppliedChange[] {
  const addresses = [...new Set([...before.keys(), ...after.keys()])];
  return addresses
    .filter((address) => before.get(address) !== after.get(address))
    .map((address) => ({
      address,
      action: "update",
      before: before.get(address) ?? null,
      after: after.get(address) ?? null,
      file: "a.yaml",
      line: 1,
    }));
}

describe("a set of the past", () => {
  it("is today's with every later apply undone, whatever happened in between", () => {
    const content = dictionary(constantFrom("a", "b", "c", "d"), constantFrom("1", "2", "3"));
    assert(
      property(array(content, { minLength: 1, maxLength: 8 }), (contents) => {
        const sets = contents.map(setOf);
        const applies = sets.slice(1).map((after, index) => ({ changes: changesBetween(sets[index] ?? after, after) }));
        const today = new Map(
          [...(sets.at(-1) ?? new Map<Address, Digest>())].map(([address, digest]) => [address, { digest }] as const),
        );
        for (const [index, set] of sets.entries()) {
          expect(restoredSet(today, applies.slice(index).toReversed())).toEqual(set);
        }
      }),
      { numRuns: cases(400) },
    );
  });
});

describe("an apply that somebody names", () => {
  const entries = [
    { serial: 12, commit: "abcd1234" },
    { serial: 11, commit: "12ef5678" },
    { serial: 10, commit: null },
    { serial: 9, commit: "abcd1234" },
    { serial: 8, commit: "abff0000" },
  ];
  it.each([
    ["10", 10],
    ["#9", 9],
    ["abcd", 12],
    ["12ef", 11],
    ["ABFF0000", 8],
  ])("%s is #%i", (word, serial) => {
    expect(findApply(entries, word)).toMatchObject({ outcome: "found", entry: { serial } });
  });
  it.each(["13", "abc", "", "main", "dddd"])("%s is none", (word) => {
    expect(findApply(entries, word)).toEqual({ outcome: "unknown" });
  });
  it("must be one commit", () => {
    const alike = [...entries, { serial: 7, commit: "abcdffff" }];
    expect(findApply(alike, "abcd")).toEqual({ outcome: "ambiguous", commits: ["abcd1234", "abcdffff"] });
  });
});

const agent = (name: string, prompt: string) => manifest("Agent", name, { model_ref: "m", prompt });

describeWithRedis("what is kept for a rollback", () => {
  let server: TestRedis;
  let world: World;
  withWorlds(openWorld, (opened, on) => {
    [world, server] = [opened, on];
  });

  const model = manifest("ModelEndpoint", "m", { provider: "mock", default_model: "mock" });

  async function restored(serial: number) {
    const entry = await readApply(world.redis, world.env, serial);
    if (entry === undefined) throw new Error(`no apply #${serial}`);
    const answer = await readRestored(world.redis, {
      env: world.env,
      entry,
      observed: await world.read(),
      isKeyed: false,
    });
    return answer.outcome === "ok" ? answer.source.set.manifests.map(({ digest }) => digest) : answer.outcome;
  }

  it("reaches exactly as many applies back as is said, through contents that come and go", async () => {
    const contents = Array.from({ length: STORE_LIMITS.rollbackApplies + 3 }, (_, index) => [
      model,
      agent("a", `p${index % 3}`),
      ...(index % 4 === 0 ? [agent("b", "once")] : []),
      ...(index % 7 === 0 ? [agent("c", `c${index}`)] : []),
    ]);
    for (const set of contents) {
      const plan = await world.planned(set);
      const work = { plan, manifests: set, observed: await world.read(), confirmedPrunes: plan.counts.prune };
      expect(await applyPlan(world.writer, work)).toMatchObject({ outcome: "applied" });
    }
    const last = contents.length;
    const digestsOf = (serial: number): string[] =>
      (contents[serial - 1] ?? []).toSorted((a, b) => (a.address < b.address ? -1 : 1)).map(({ digest }) => digest);
    for (const serial of [last, last - 1, last - 50, last - STORE_LIMITS.rollbackApplies]) {
      expect(await restored(serial)).toEqual(digestsOf(serial));
    }
    expect(await restored(1)).toBe("collected");
    const keys = environmentKeys(world.env);
    // Every archived record has its place in the order, and nothing is kept that no rollback can need.
    expect(await world.redis.hlen(keys.archive)).toBe(await world.redis.zcard(keys.archived));
    expect(await world.redis.zcount(keys.archived, "-inf", last - STORE_LIMITS.rollbackApplies)).toBe(0);
  }, 30_000);

  it("is refused where a record was changed since behind the applies", async () => {
    await world.apply([model, agent("a", "one")]);
    await world.apply([model, agent("a", "one"), agent("b", "x")]);
    const other = openWorld(server.url);
    await other.apply([model, agent("a", "planted")]);
    const { address } = agent("a", "one");
    const planted = (await other.redis.hget(environmentKeys(other.env).records, address)) ?? "";
    await world.redis.hset(environmentKeys(world.env).records, address, planted);
    await other.close();
    expect(await restored(1)).toBe("differs");
  });

  it("suspends up to the last moment: an apply that is under way stops, and one by hand goes on", async () => {
    await world.apply([model]);
    const set = [model, agent("a", "one")];
    const observed = await world.read();
    const plan = await world.planned(set);
    const work = { plan, manifests: set, observed };
    const ours = { by: "ada", since: "2026-11-01T10:00:00.000Z", reason: "" };
    await suspend(world.redis, world.env, null, ours);
    expect(await applyPlan(world.writer, { ...work, automatic: true })).toEqual({
      outcome: "stale",
      moved: [{ input: "hold", message: "the environment was suspended meanwhile" }],
    });
    await resume(world.redis, world.env, null, { by: "Ada", since: "2026-01-01T00:00:00Z" });
    await suspend(world.redis, world.env, agent("a", "one").address, ours);
    expect(await applyPlan(world.writer, work)).toMatchObject({ outcome: "stale", moved: [{ input: "hold" }] });
    await resume(world.redis, world.env, agent("a", "one").address, { by: "Ada", since: "2026-01-01T00:00:00Z" });
    await suspend(world.redis, world.env, null, ours);
    expect(await applyPlan(world.writer, work)).toMatchObject({ outcome: "applied" });
  });

  it("plans inside of a freeze window, and applies nothing", async () => {
    const freeze = [{ cron: "0 0 * * *", durationMs: 86_400_000, zone: "UTC", reason: "the year ends" }];
    const options = {
      source: { read: async () => source([model]), history: async () => "first" as const },
      writer: world.writer,
      tool: TOOL,
      newId: () => "p1",
      allowHistory: [],
      onPlan: () => undefined,
      signal: new AbortController().signal,
    };
    expect(await tick({ ...options, freeze })).toMatchObject({
      outcome: "held",
      plan: { counts: { create: 1 } },
      hold: { why: "frozen", reason: "the year ends" },
    });
    expect((await world.read()).head).toBeNull();
    expect(await tick(options)).toMatchObject({ outcome: "applied" });
    expect(await tick({ ...options, freeze, newId: () => "p2" })).toMatchObject({ outcome: "unchanged" });
  });
});
