// The journal of one activation on a real Redis, beside another branch of the same task and behind a lossy line.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { TransientFailure } from "../../../contracts/failure.ts";
import { ActivationJournal } from "../../../runner/trace/activation-journal.ts";
import { closeRedis, connectRedis, type Redis } from "../../../store/connect.ts";
import { type ActivationQueue, openQueue } from "../../../store/queue.ts";
import { appendEvents } from "../../../store/scripts/append.ts";
import { readTask } from "../../../store/tasks.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../../redis.ts";
import { claimedTask, eventsAfter, newEnv } from "../../store/world.ts";

describeWithRedis("the journal of an activation", () => {
  let server: TestRedis;
  let redis: Redis;
  let queue: ActivationQueue;
  beforeAll(async () => {
    server = await testRedis();
    redis = connectRedis(server.url, "command");
  });
  afterAll(async () => {
    await closeRedis(redis);
    await server.stop();
  });
  beforeEach(() => {
    queue = openQueue(redis, newEnv());
    return () => queue.close();
  });

  test("knows that another branch wrote behind a record whose answer was lost", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const branchWrites = async (): Promise<void> => {
      const after = (await readTask(redis, grant.task))?.trace ?? claim.head;
      await appendEvents(redis, { ...grant, after, events: eventsAfter(grant.task, after, ["agent.started"]) });
    };
    const lossy = losingFirstAnswer(redis, branchWrites);
    const lease = { check: () => undefined, abort: () => undefined };
    const { head, attempt, task } = claim;
    const journal = new ActivationJournal({ redis: lossy, ...grant, attempt, lease, head, ledger: task.ledger });
    const draft = { type: "model.called" as const, at: "2026-01-02T03:04:06.000Z" };
    expect(await journal.record([draft])).toEqual({ outcome: "appended" });
    expect((await readTask(redis, grant.task))?.trace).toEqual(journal.head());
    // A release that believed the graph of the claim would overwrite what the other branch made of it.
    expect(journal.wasMoved()).toBe(true);
  });
});

/** The server carries the first command out, and its answer does not arrive; `meanwhile` happens before the next one. */
function losingFirstAnswer(redis: Redis, meanwhile: () => Promise<void>): Redis {
  let isFirst = true;
  return new Proxy(redis, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if ((name !== "evalsha" && name !== "eval") || !isFirst) return value.bind(target);
      return async (...args: readonly unknown[]) => {
        const answer: unknown = await value.apply(target, args);
        if (!isFirst) return answer;
        isFirst = false;
        await meanwhile();
        throw new TransientFailure("REDIS_UNAVAILABLE", "the line broke");
      };
    },
  });
}
