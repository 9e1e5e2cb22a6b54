// The gate is complete: what a provider and tools saw of random tasks is what the traces allow, by step and by digest, and
// nothing that a policy forbids. `npm run chaos` plays more towns, `npm run mutants` takes single gate calls away.
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { judgeTown } from "./judge-town.ts";
import { playTown } from "./town.ts";

const TASKS = 140;
/** On a machine that has a lot to do. */
const TIMEOUT_MS = 90_000;

describeWithRedis("the gate", () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());

  it(
    `lets happen of ${TASKS} random tasks what it allowed, all of it, and nothing else`,
    async () => {
      const story = await playTown(server.url, "first", TASKS);
      expect(judgeTown(story)).toEqual([]);
      expect(story.witness.tools.length + story.witness.turns.length).toBeGreaterThan(2 * TASKS);
    },
    TIMEOUT_MS,
  );
});
