// Moves and places against a real Redis: what goes on under another name, and what is not run again.
import { expect, it } from "vitest";
import { defaultSettings } from "../../../contracts/environment.ts";
import { readHistory } from "../../../store/history.ts";
import { listTasks } from "../../../store/tasks.ts";
import { describeWithRedis, withWorlds } from "../../redis.ts";
import { manifest, plan, source } from "../plan/builders.ts";
import { openWorld, type World } from "./world.ts";

const model = manifest("ModelEndpoint", "m", { provider: "mock", default_model: "mock" });
const base = [model, manifest("Agent", "a", { model_ref: "m" }), manifest("AgentSystem", "s", { agents: ["a"] })];
const task = (name: string, spec: object = {}, meta: object = {}) =>
  manifest("Task", name, { system: "s", ...spec }, meta);
const from = (name: string, labels = {}) => ({ labels, annotations: { "countwheel.dev/moved-from": name } });

describeWithRedis("an apply", () => {
  let world: World;
  withWorlds(openWorld, (opened) => {
    world = opened;
  });

  it("moves a record with its generation, and runs a renamed Task no second time", async () => {
    await world.apply([...base, task("t")]);
    expect(await world.apply([...base, task("renamed", {}, from("t"))])).toMatchObject({
      outcome: "applied",
      tasks: [],
    });
    const { records } = await world.read();
    expect(records.has(task("t").address)).toBe(false);
    expect(records.get(task("renamed").address)).toMatchObject({ generation: 2, serial: 2 });
    const [entry] = await readHistory(world.redis, world.env, 1);
    expect(entry?.facts).toMatchObject({ counts: { move: 1, create: 0, prune: 0 } });

    const labelled = task("renamed", {}, from("t", { x: "y" }));
    expect(await world.apply([...base, labelled])).toMatchObject({ outcome: "applied", tasks: [] });
    const changed = task("renamed", { input: { a: "1" } }, from("t"));
    expect(await world.apply([...base, changed])).toMatchObject({ tasks: [{ name: "renamed-g4" }] });
    expect((await listTasks(world.redis, world.env)).map(({ name }) => name).toSorted()).toEqual(["renamed-g4", "t"]);
  });

  it("refuses a move whose record changed meanwhile", async () => {
    await world.apply([...base, task("t")]);
    const set = [...base, task("renamed", {}, from("t"))];
    const made = await world.planned(set);
    await world.apply([...base, task("t", { priority: "high" })]);
    expect(await world.applyPlan(made, set)).toMatchObject({ outcome: "stale", moved: [{ input: "record" }] });
  });

  it("lets places follow without a change, and holds nothing back for a record that is suspended", async () => {
    await world.apply(base);
    const elsewhere = base.map(({ manifest: { kind, metadata, spec } }) =>
      manifest(kind, metadata.name, spec, { file: `moved/${metadata.name}.yaml` }),
    );
    expect((await world.planned(elsewhere)).changes).toEqual([]);
    const set = [...elsewhere, manifest("Memory", "new")];
    expect(await world.apply(set)).toMatchObject({ outcome: "applied", serial: 2 });
    expect((await world.read()).records.get(model.address)).toMatchObject({
      generation: 1,
      source: { file: "moved/m.yaml" },
    });
    const [entry] = await readHistory(world.redis, world.env, 1);
    expect(entry?.facts).toMatchObject({ changes: [{ address: "Memory/default/new" }] });
  });

  it("prunes beyond the limits only with the exact number", async () => {
    const many = Array.from({ length: 8 }, (_, index) => manifest("Memory", `memory-${index}`));
    await world.apply(many);
    const set = many.slice(0, 4);
    const made = await world.planned(set);
    expect(made.confirm).toMatchObject({ prunes: 4 });
    const observed = await world.read();
    const { writer } = world;
    const { applyPlan } = await import("../../../reconciler/apply/apply-plan.ts");
    await expect(applyPlan(writer, { plan: made, manifests: set, observed })).rejects.toMatchObject({
      code: "PRUNES_NOT_CONFIRMED",
    });
    await expect(applyPlan(writer, { plan: made, manifests: set, observed, confirmedPrunes: 3 })).rejects.toThrow();
    expect((await world.read()).records.size).toBe(8);
    expect(await applyPlan(writer, { plan: made, manifests: set, observed, confirmedPrunes: 4 })).toMatchObject({
      outcome: "applied",
    });
    expect((await world.read()).records.size).toBe(4);
    const careless = { ...defaultSettings(world.env), prunes: { maxCount: 9, maxPercent: 100, allowEmpty: false } };
    const empty = plan({ source: source([]), observed: await world.read(), env: world.env, settings: careless });
    expect(empty.confirm?.because).toContain("the set is empty");
  });
});
