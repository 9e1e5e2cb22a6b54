// The journal of one activation on a real Redis, beside another branch of the same task and behind a lossy line.
import { expect, test } from "vitest";
import { TransientFailure } from "../../../contracts/failure.ts";
import type { TraceDraft, TraceEventType } from "../../../contracts/trace.ts";
import { ActivationJournal } from "../../../runner/trace/activation-journal.ts";
import type { Redis } from "../../../store/connect.ts";
import type { ActivationQueue } from "../../../store/queue.ts";
import { appendEvents } from "../../../store/scripts/append.ts";
import { readTask, readTrace } from "../../../store/tasks.ts";
import { readChained } from "../../contracts/chained.ts";
import { describeWithRedis } from "../../redis.ts";
import { useQueue } from "../../store/use-queue.ts";
import { type Claimed, claim1, claimedTask, eventsAfter, type Grant } from "../../store/world.ts";

describeWithRedis("the journal of an activation", () => {
  let redis: Redis;
  let queue: ActivationQueue;
  useQueue((...given) => {
    [redis, queue] = given;
  });

  test("knows that another branch wrote behind a record whose answer was lost", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const branchWrites = async (): Promise<void> => {
      const after = (await readTask(redis, grant.task))?.trace ?? claim.head;
      await appendEvents(redis, { ...grant, after, events: eventsAfter(grant.task, after, ["agent.started"]) });
    };
    const journal = journalOf(losingFirstAnswer(redis, branchWrites), grant, claim);
    expect(await journal.record([draft("model.called")])).toEqual({ outcome: "appended" });
    expect((await readTask(redis, grant.task))?.trace).toEqual(journal.head());
    // A release that believed the graph of the claim would overwrite what the other branch made of it.
    expect(journal.wasMoved()).toBe(true);
  });

  test("writes what was deferred in one piece with the next record, and counts it as spent before that", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const journal = journalOf(redis, grant, claim);
    const reserve = { kind: "reserve" as const, tokens: 90, limit: 100 };
    await journal.record([draft("model.called")], { charge: reserve });
    const step = { activation: "planner#1", step: "m1", state: "done" as const, idempotencyKey: "k1" };
    const settle = { kind: "settle" as const, reserved: 90, inputTokens: 30, outputTokens: 10, costUsd: 0.5 };
    journal.defer([draft("model.answered")], { step, charge: settle });
    const ledger = {
      inputTokens: 30,
      outputTokens: 10,
      reservedTokens: 0,
      costUsd: 0.5,
      reservedMicroUsd: 0,
      steps: 1,
      calls: {},
    };
    expect(journal.ledger()).toEqual(ledger);
    expect(await readTrace(redis, grant.task)).toHaveLength(2);
    const refused = await journal.record([draft("model.called")], { charge: { ...reserve, tokens: 61 } });
    expect(refused).toEqual({ outcome: "over-budget" });
    expect(journal.ledger()).toEqual(ledger);
    const written = journal.record([draft("turn.decided")]);
    journal.defer([draft("agent.finished")]);
    await written;
    const types = (await readTrace(redis, grant.task)).map(({ type }) => type);
    expect(types).toEqual(["task.created", "model.called", "model.answered", "turn.decided"]);
    expect(await claim1(redis, grant.task, "r1")).toMatchObject({ steps: [step], task: { ledger } });
    // Deferred while a record was on its way: rides with the one after it.
    expect(readChained(journal.chain([]).events).map(({ type }) => type)).toEqual(["agent.finished"]);
  });

  test("writes nothing again that was carried out when its answer was lost and the work ended at once", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    let isOver = false;
    const check = (): void => {
      if (isOver) throw new TransientFailure("RUNNER_STOPPING", "the runner stops");
    };
    const lossy = losingFirstAnswer(redis, async () => {
      isOver = true;
    });
    const { head, attempt, task } = claim;
    const lease = { check, abort: () => undefined };
    const journal = new ActivationJournal({ redis: lossy, ...grant, attempt, lease, head, ledger: task.ledger });
    journal.defer([draft("task.claimed")]);
    await expect(journal.record([draft("model.called")])).rejects.toThrow("the runner stops");
    await journal.settleDoubt();
    const { events } = journal.chain([draft("retry.scheduled")]);
    expect(readChained(events).map(({ type }) => type)).toEqual(["retry.scheduled"]);
  });

  test("lends its epoch to no event about another activation", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const journal = journalOf(redis, grant, claim);
    const drafts = [
      { ...draft("agent.finished"), activation: "planner#1" },
      { ...draft("join.opened"), activation: "writer#1" },
      draft("task.succeeded"),
    ];
    expect(readChained(journal.chain(drafts).events).map(({ epoch, attempt }) => [epoch, attempt])).toEqual([
      [1, 1],
      [undefined, undefined],
      [1, 1],
    ]);
  });
});

function draft(type: TraceEventType): TraceDraft {
  return { type, at: "2026-01-02T03:04:06.000Z" };
}

function journalOf(redis: Redis, grant: Grant, { head, attempt, task }: Claimed): ActivationJournal {
  const lease = { check: () => undefined, abort: () => undefined };
  return new ActivationJournal({ redis, ...grant, attempt, lease, head, ledger: task.ledger });
}

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
