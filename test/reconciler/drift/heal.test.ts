// What the reconciler does by itself about records that somebody else changed: nothing, or what it was told to heal.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { Plan } from "../../../contracts/plan.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../../redis.ts";
import { openWorld, type World } from "../apply/world.ts";
import { manifest } from "../plan/builders.ts";
import { removeRecord, smuggle, tamper, tickOf } from "./world.ts";

const MODEL = manifest("ModelEndpoint", "m", { provider: "mock", default_model: "mock" });
const A = manifest("Agent", "a", { model_ref: "m", prompt: "p" });
const B = manifest("Agent", "b", { model_ref: "m", prompt: "p" });
const SET = [A, B, MODEL];

const blockedIn = ({ changes }: Plan): unknown => changes.map(({ address, blocked }) => [address, blocked?.code]);

describeWithRedis("a reconciler that finds drift", () => {
  let server: TestRedis;
  let world: World;
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    world = openWorld(server.url);
    await world.apply(SET);
    return () => world.close();
  });

  const change = (): Promise<void> =>
    tamper(world.redis, world.env, A.address, (spec) => ({ ...spec, prompt: "evil" }));
  const promptOfA = async (): Promise<unknown> => (await world.read()).records.get(A.address)?.manifest.spec["prompt"];

  it("leaves it to a person, says so, and still applies what Git changed", async () => {
    await change();
    const held = await tickOf(world, SET);
    expect(held).toMatchObject({ outcome: "held", hold: { why: "blocked" } });
    expect(blockedIn((held as { plan: Plan }).plan)).toEqual([[A.address, "DRIFTED"]]);
    const next = manifest("Agent", "b", { model_ref: "m", prompt: "next" });
    const applied = await tickOf(world, [A, next, MODEL]);
    expect(applied).toMatchObject({ outcome: "applied", plan: { counts: { update: 1, blocked: 1 } } });
    expect(await promptOfA()).toBe("evil");
  });

  it("takes a record whose manifest has changed since for a change like any other", async () => {
    await change();
    const next = manifest("Agent", "a", { model_ref: "m", prompt: "next" });
    expect(await tickOf(world, [next, B, MODEL])).toMatchObject({ outcome: "applied" });
    expect(await promptOfA()).toBe("next");
  });

  it("puts back what was changed or removed, of the kinds that heal by themselves", async () => {
    await change();
    await removeRecord(world.redis, world.env, B.address);
    expect(await tickOf(world, SET, { selfHeal: ["Agent"] })).toMatchObject({
      outcome: "applied",
      plan: { counts: { create: 1, update: 1, blocked: 0 } },
    });
    expect(await promptOfA()).toBe("p");
    expect((await world.read()).records.has(B.address)).toBe(true);
    await change();
    expect(await tickOf(world, SET, { selfHeal: ["Tool"] })).toMatchObject({ outcome: "held" });
  });

  it("never prunes by itself what no apply wrote, while a person's apply does", async () => {
    const strange = manifest("Agent", "spy", { model_ref: "m" });
    await smuggle(world.redis, world.env, strange);
    const held = await tickOf(world, SET, { selfHeal: ["Agent"] });
    expect(blockedIn((held as { plan: Plan }).plan)).toEqual([[strange.address, "DRIFTED"]]);
    expect((await world.read()).records.has(strange.address)).toBe(true);
    await world.apply(SET);
    expect((await world.read()).records.has(strange.address)).toBe(false);
  });

  it("waits longer each time against the same hand, not against another one, and not after a new commit", async () => {
    const heal = (now: string, headSha?: string) =>
      tickOf(world, SET, { selfHeal: ["Agent"], now, ...(headSha === undefined ? {} : { headSha }) });
    const outcomeAt = async (time: string, headSha?: string): Promise<string> => {
      await change();
      return (await heal(`2026-11-01T${time}Z`, headSha)).outcome;
    };
    expect(await outcomeAt("12:00:00")).toBe("applied");
    expect(await outcomeAt("12:00:30")).toBe("held");
    expect(await outcomeAt("12:01:00")).toBe("applied");
    expect(await outcomeAt("12:02:30")).toBe("held");
    await tamper(world.redis, world.env, A.address, (spec) => ({ ...spec, prompt: "worse" }));
    expect((await heal("2026-11-01T12:02:31Z")).outcome).toBe("applied");
    expect(await outcomeAt("12:02:32")).toBe("held");
    expect(await outcomeAt("12:02:33", "c".repeat(40))).toBe("applied");
    expect(await outcomeAt("12:02:34", "c".repeat(40))).toBe("held");
  });
});
