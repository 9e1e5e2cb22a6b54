// As completeness.test.ts, over more towns and more tasks.
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { judgeTown } from "./judge-town.ts";
import { playTown } from "./town.ts";

const TASKS = 500;

describeWithRedis("the gate", () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());

  it.each(["1", "2", "3"])(`lets happen of ${TASKS} random tasks what it allowed (town %s)`, async (seed) => {
    expect(judgeTown(await playTown(server.url, seed, TASKS))).toEqual([]);
  });
});
