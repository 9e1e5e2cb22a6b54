// A Redis that was lost, rebuilt from Git: the records of the commit that is remembered, and nothing that runs again.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { defaultSettings } from "../../../contracts/environment.ts";
import {
  fileLineageMemory,
  findReplaced,
  processLineageMemory,
  replacedText,
} from "../../../reconciler/apply/lineage-memory.ts";
import { rebuild, UNKNOWN } from "../../../reconciler/rebuild/rebuild.ts";
import { pendingTaskIntents } from "../../../store/task-intents.ts";
import { listTasks } from "../../../store/tasks.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../../redis.ts";
import { openWorld, type World } from "../apply/world.ts";
import { manifest, source, TOOL } from "../plan/builders.ts";

const base = [
  manifest("ModelEndpoint", "m", { provider: "mock", default_model: "mock" }),
  manifest("Agent", "a", { model_ref: "m" }),
  manifest("AgentSystem", "s", { agents: ["a"] }),
];
const task = (city: string) => manifest("Task", "t", { system: "s", input: { city } });
const set = [...base, task("Oslo")];

describeWithRedis("a rebuild", () => {
  let server: TestRedis;
  let world: World;
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(() => {
    world = openWorld(server.url, { lineages: processLineageMemory() });
  });
  afterEach(() => world.close());

  async function rebuilt(manifests = set) {
    const answer = source(manifests);
    if (answer.status !== "ok") throw new Error("the set is valid");
    const observed = await world.read();
    return rebuild(world.writer, {
      source: answer,
      settings: defaultSettings("default"),
      observed,
      tool: TOOL,
      newId: () => "rebuild",
      person: "Ada",
    });
  }

  it("restores the records of the commit under a new lineage, and the plan after it is empty", async () => {
    await world.apply(set);
    const { head: before, records } = await world.read();
    await world.redis.flushall();
    const outcome = await rebuilt();
    const { head, records: after } = await world.read();
    expect(outcome).toEqual({
      outcome: "rebuilt",
      serial: 1,
      lineage: head?.lineage,
      commit: before?.commit,
      records: 4,
      tasksNotRunAgain: ["Task/default/t"],
      unknown: UNKNOWN,
    });
    expect(head?.lineage).not.toBe(before?.lineage);
    expect([...after.values()].map(({ address, digest }) => [address, digest])).toEqual(
      [...records.values()].map(({ address, digest }) => [address, digest]),
    );
    expect((await world.planned(set)).changes).toEqual([]);
    expect(await world.writer.lineages.recall()).toBe(head?.lineage);
  });

  it("runs no Task again, now or at the next applies, until its content is another", async () => {
    await world.apply(set);
    await world.redis.flushall();
    await rebuilt();
    expect(await pendingTaskIntents(world.redis, world.env)).toEqual([]);
    expect(await world.apply([...set, manifest("Agent", "b", { model_ref: "m" })])).toMatchObject({ tasks: [] });
    expect(await listTasks(world.redis, world.env)).toEqual([]);
    expect(await world.apply([...base, task("Rome")])).toMatchObject({ tasks: [{ name: "t-g2" }] });
  });

  it("is refused where there is a state", async () => {
    await world.apply(base);
    expect(await rebuilt()).toEqual({ outcome: "exists", serial: 1, records: 3 });
    expect((await world.read()).records.size).toBe(3);
  });
});

it("finds the commit in what this machine remembers, also after a restart", async () => {
  const folder = await mkdtemp(join(tmpdir(), "cw-lineages-"));
  const open = () => fileLineageMemory({ folder, env: "e", server: "s", say: () => undefined });
  expect(await open().recallCommit()).toBeNull();
  await open().remember({ lineage: "lin", commit: "c1", serial: 1 });
  await open().remember({ lineage: "lin", commit: "c2", serial: 2 });
  expect([await open().recall(), await open().recallCommit()]).toEqual(["lin", "c2"]);
  await open().remember({ lineage: "lin", commit: null, serial: 3 });
  expect([await open().recall(), await open().recallCommit()]).toEqual(["lin", null]);
  const head = { env: "e", lineage: "lin", commit: null, policyDigest: "p", appliedAt: null };
  expect(await findReplaced(open(), { ...head, serial: 3 })).toBeNull();
  const replaced = await findReplaced(open(), { ...head, serial: 2 });
  expect(replaced).toEqual({ was: "lin", is: "lin", serial: { was: 3, is: 2 } });
  expect(replaced === null ? "" : replacedText(replaced)).toContain("#3 was applied, and now it is at #2");
  await open().forget();
  expect(await open().recallCommit()).toBeNull();
  await rm(folder, { recursive: true, force: true });
});
