// Applies against a real Redis: exactly one plan, stale and used ones refused, tasks made once per content.
import { expect, it } from "vitest";
import { nextRecords } from "../../../reconciler/apply/next-records.ts";
import { makeOrderedTasks } from "../../../reconciler/apply/task-intents.ts";
import { orderTask } from "../../../reconciler/apply/task-request.ts";
import { readHistory } from "../../../store/history.ts";
import { readOutbox } from "../../../store/outbox.ts";
import { applyPlan as switchState } from "../../../store/scripts/apply-plan.ts";
import { readSnapshot } from "../../../store/snapshots.ts";
import { listTasks, readTask } from "../../../store/tasks.ts";
import { acquireWriterLock } from "../../../store/writer-lock.ts";
import { describeWithRedis, type TestRedis, withWorlds } from "../../redis.ts";
import { manifest, NOW } from "../plan/builders.ts";
import { openWorld, type World } from "./world.ts";

const model = manifest("ModelEndpoint", "m", { provider: "mock", default_model: "mock" });
const agent = (prompt: string) => manifest("Agent", "a", { model_ref: "m", prompt });
const system = manifest("AgentSystem", "s", { agents: ["a"] });
const task = (input: object, more: object = {}) => manifest("Task", "t", { system: "s", input, ...more });
const policy = (blocked: readonly string[]) =>
  manifest("AgentPolicy", "p", { apply_mode: "global", blocked_tools: blocked });
const base = [model, agent("one"), system];

describeWithRedis("an apply", () => {
  let server: TestRedis;
  let world: World;
  withWorlds(openWorld, (opened, on) => {
    [world, server] = [opened, on];
  });

  it("leaves exactly the planned records, with their sources and generations", async () => {
    expect(await world.apply(base)).toMatchObject({ outcome: "applied", serial: 1 });
    expect(await world.apply([model, agent("two")])).toMatchObject({ outcome: "applied", serial: 2 });
    const { records } = await world.read();
    expect([...records.keys()]).toEqual(["Agent/default/a", "ModelEndpoint/default/m"]);
    expect(records.get(agent("two").address)).toMatchObject({
      generation: 2,
      serial: 2,
      source: { file: "a.yaml", line: 1 },
    });
    expect((await world.planned([model, agent("two")])).changes).toEqual([]);
    const [latest] = await readHistory(world.redis, world.env, 1);
    expect(latest).toMatchObject({ serial: 2, facts: { counts: { update: 1, prune: 1 } } });
  });

  it("refuses a plan that was applied before", async () => {
    const plan = await world.planned(base);
    await world.applyPlan(plan, base);
    expect(await world.applyPlan(plan, base)).toEqual({ outcome: "used" });
  });

  it("refuses a plan whose records moved, and names them", async () => {
    await world.apply(base);
    const plan = await world.planned([model, agent("two"), system]);
    await world.apply([model, agent("other"), system]);
    expect(await world.applyPlan(plan, [model, agent("two"), system])).toEqual({
      outcome: "stale",
      moved: [{ input: "record", message: "Agent/default/a changed in the state" }],
    });
  });

  it("applies a plan although untouched records moved since", async () => {
    await world.apply(base);
    const observed = await world.read();
    const set = [model, agent("two"), system];
    const plan = await world.planned(set);
    const moved = manifest("ModelEndpoint", "m", { provider: "mock", default_model: "other" });
    await world.apply([moved, agent("one"), system]);
    expect(await world.applyPlan(plan, set, observed)).toMatchObject({ outcome: "applied", serial: 3 });
    expect((await world.read()).records.get(model.address)?.digest).toBe(moved.digest);
  });

  it("refuses a plan whose untouched policy moved: people saw another access", async () => {
    await world.apply([...base, policy(["x"])]);
    const set = [model, agent("two"), system, policy(["x"])];
    const plan = await world.planned(set);
    await world.apply([...base, policy([])]);
    expect(await world.applyPlan(plan, set)).toMatchObject({ outcome: "stale", moved: [{ input: "policy" }] });
  });

  it("refuses a plan for a state that is gone", async () => {
    await world.apply(base);
    const plan = await world.planned([model]);
    await world.redis.flushall();
    expect(await world.applyPlan(plan, [model])).toMatchObject({ outcome: "stale", moved: [{ input: "lineage" }] });
    expect((await world.read()).records.size).toBe(0);
  });

  it("waits its turn and says who holds the lock", async () => {
    const held = await acquireWriterLock(world.redis, { env: world.env, holder: "somebody", ttlMs: 60_000 });
    expect(await world.apply(base)).toMatchObject({ outcome: "locked", holder: "somebody" });
    if (held.outcome === "acquired") await held.lock.release();
    expect(await world.apply(base)).toMatchObject({ outcome: "applied" });
  });

  it("makes a run-mode Task's task once per content, on a snapshot of what was applied", async () => {
    const first = await world.apply([...base, task({ city: "Oslo" })]);
    expect(first).toMatchObject({ outcome: "applied", tasks: [{ name: "t" }] });
    const made = await readTask(world.redis, { env: world.env, namespace: "default", name: "t" });
    expect(made).toMatchObject({ system: "s", input: { city: "Oslo" }, phase: "Pending", source: { file: "t.yaml" } });
    const snapshot = await readSnapshot(world.redis, world.env, made?.snapshot ?? "");
    expect(Object.keys(snapshot.entries)).toContain("Agent/default/a");

    expect(await world.apply([model, agent("two"), system, task({ city: "Oslo" })])).toMatchObject({ tasks: [] });
    expect(await world.apply([...base, task({ city: "Rome" })])).toMatchObject({ tasks: [{ name: "t-g2" }] });
    expect(await world.apply([...base, task({ city: "Oslo" })])).toMatchObject({ tasks: [] });
    expect((await listTasks(world.redis, world.env)).map(({ name }) => name).toSorted()).toEqual(["t", "t-g2"]);
  });

  it("makes no task of a template, and none when only labels change", async () => {
    expect(await world.apply([...base, task({}, { mode: "template" })])).toMatchObject({ tasks: [] });
    expect(await world.apply([...base, task({ a: "1" })])).toMatchObject({ tasks: [{ name: "t-g2" }] });
    const labelled = manifest("Task", "t", { system: "s", input: { a: "1" } }, { labels: { x: "y" } });
    expect(await world.apply([...base, labelled])).toMatchObject({ outcome: "applied", tasks: [] });
  });

  it("gives the task of a Task that was pruned and came back with other content a name of its own", async () => {
    await world.apply([...base, task({ city: "Oslo" })]);
    await world.apply(base);
    const back = await world.apply([...base, task({ city: "Rome" })]);
    expect(back).toMatchObject({ tasks: [{ name: expect.stringMatching(/^t-[0-9a-f]{8}$/) }] });
  });

  it("makes the task later where the process died between the apply and the task, and only once", async () => {
    const set = [...base, task({ city: "Oslo" })];
    const plan = await world.planned(set);
    await applyWithoutTasks(world, plan, set);
    expect(await listTasks(world.redis, world.env)).toEqual([]);
    const [first, second] = await Promise.all([makeOrderedTasks(world.writer), makeOrderedTasks(world.writer)]);
    expect([...first, ...second].every(({ name }) => name === "t")).toBe(true);
    expect(await makeOrderedTasks(world.writer)).toEqual([]);
    expect(await listTasks(world.redis, world.env)).toHaveLength(1);
  });

  it("makes an order that a crash left behind before it changes what was ordered", async () => {
    const set = [...base, task({ city: "Oslo" })];
    await applyWithoutTasks(world, await world.planned(set), set);
    expect(await world.apply([...base, task({ city: "Rome" })])).toMatchObject({
      tasks: [{ name: "t" }, { name: "t-g2" }],
    });
  });

  it("leaves a word for the report only where somebody listens", async () => {
    await world.apply(base);
    expect(await readOutbox(world.redis, world.env, 10)).toEqual([]);
    const reporting = openWorld(server.url, { reports: true });
    await reporting.apply(base);
    const items = await readOutbox(reporting.redis, reporting.writer.env, 10);
    expect(items).toMatchObject([{ entry: { kind: "applied", serial: 1 } }]);
    await reporting.close();
  });
});

/** The first half of an apply: what is there when the process is killed right after the switch. */
async function applyWithoutTasks(
  { redis, env, read }: World,
  plan: Awaited<ReturnType<World["planned"]>>,
  set: typeof base,
) {
  const answer = await acquireWriterLock(redis, { env, holder: "dies", ttlMs: 60_000 });
  if (answer.outcome !== "acquired") throw new Error("the lock is held");
  const appliedAt = NOW.toISOString();
  const next = nextRecords({ plan, manifests: set, records: (await read()).records, appliedAt });
  const { holder, token } = answer.lock;
  const outcome = await switchState(redis, {
    env,
    lock: { holder, token },
    planId: plan.planId,
    planDigest: plan.digest,
    lineage: plan.state.lineage,
    newLineage: "lineage",
    touched: plan.state.touched,
    writes: next.writes,
    prunes: next.prunes,
    commit: plan.source.headSha,
    policyDigest: plan.policyDigest,
    appliedAt,
    taskIntents: next.writes.flatMap((record) => orderTask(record) ?? []),
    history: {},
  });
  await answer.lock.release();
  expect(outcome.outcome).toBe("applied");
}
