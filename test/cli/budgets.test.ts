// `get budgets`: what tasks have spent together, what is held, and what is left.
import { tmpdir } from "node:os";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runGet } from "../../cli/commands/get.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { agent, manifest, mockModel, openWorld, system, type World } from "../runner/world.ts";
import { listen } from "./listen.ts";

describeWithRedis("get budgets", () => {
  let server: TestRedis;
  let world: World;
  beforeAll(async () => {
    server = await testRedis();
    world = openWorld(server.url);
  });
  afterAll(async () => {
    await world.close();
    await server.stop();
  });

  async function get(output: "text" | "json" | "name", name?: string): Promise<string> {
    const told = listen(tmpdir());
    const asked = { env: world.env, redis: server.url, output, verbose: false, kind: "budgets", watch: false };
    expect(await runGet(told.host, { ...asked, ...(name === undefined ? {} : { name }) })).toBe(0);
    return told.out() + told.err();
  }

  it("lists the ledgers of each policy with limit, use, what is held and since when, and nothing where nothing is spent", async () => {
    const caps = manifest("AgentPolicy", "caps", {
      apply_mode: "global",
      budgets: [{ per: ["agent", "day"], steps: 9 }],
    });
    const manifests = [agent("a"), system("one", ["a"]), mockModel("mock"), caps];
    await world.apply(manifests);
    expect(await get("text")).toBe("Nothing is spent of any budget that tasks share.\n");
    await world.runner();
    await world.ended(await world.start(manifests, "one"));
    const { items } = JSON.parse(await get("json")) as { items: unknown[] };
    expect(items).toEqual([
      {
        policy: "AgentPolicy/default/caps",
        what: "steps",
        whom: "agent default/a",
        window: "day",
        since: `${new Date().toISOString().slice(0, 10)}T00:00:00.000Z`,
        used: 1,
        held: 0,
        limit: 9,
      },
    ]);
    expect(await get("text")).toMatch(/default\/caps +steps +agent default\/a +\S+ +1 +0 +9/);
    expect(await get("name", "caps")).toBe("AgentPolicy/default/caps\n");
    expect(await get("name", "other")).toBe("");
  });
});
