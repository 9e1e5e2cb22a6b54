// The end of an activation that waits for the first record of the next one, on a real Redis.
import { expect, test } from "vitest";
import type { TraceDraft, TraceEventType } from "../../contracts/trace.ts";
import type { Sent } from "../../runner/give-back.ts";
import { HandOver } from "../../runner/hand-over.ts";
import { ActivationJournal } from "../../runner/trace/activation-journal.ts";
import { headOf, type TraceRecord } from "../../store/chain.ts";
import type { Redis } from "../../store/connect.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { appendEvents } from "../../store/scripts/append.ts";
import { releaseActivation } from "../../store/scripts/release.ts";
import { readTrace } from "../../store/tasks.ts";
import { describeWithRedis } from "../redis.ts";
import { useQueue } from "../store/use-queue.ts";
import { type Claimed, claimedTask, eventsAfter, type Grant, handOver } from "../store/world.ts";

describeWithRedis("a hand-over", () => {
  let redis: Redis;
  let queue: ActivationQueue;
  useQueue((...given) => {
    [redis, queue] = given;
  });

  test("is written in one piece with the first record of what follows, and the second goes behind both", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const sent: (TraceRecord | undefined)[] = [];
    const over = handOverOf(grant, claim, sent);
    const journal = journalOf(grant, claim, over);
    journal.defer([draft("agent.started")]);
    expect(await journal.record([draft("model.called")])).toEqual({ outcome: "appended" });
    expect(await journal.record([draft("tool.called")])).toEqual({ outcome: "appended" });
    expect(sent.map((next) => next?.events.length)).toEqual([2]);
    expect(await typesOf(grant)).toEqual([
      "task.created",
      "agent.finished",
      "agent.started",
      "model.called",
      "tool.called",
    ]);
  });

  test("does not wait for a record that takes longer", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const sent: (TraceRecord | undefined)[] = [];
    const over = handOverOf(grant, claim, sent);
    const journal = journalOf(grant, claim, over);
    await over.told;
    expect(await typesOf(grant)).toEqual(["task.created", "agent.finished"]);
    expect(await journal.record([draft("model.called")])).toEqual({ outcome: "appended" });
    expect(sent).toEqual([undefined]);
  });

  test("that is refused takes the first record with it, and nothing is written", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const journal = journalOf(grant, claim, handOverOf(grant, claim, []));
    // Another branch is faster: what follows from the end may be something else now.
    await appendEvents(redis, {
      ...grant,
      after: claim.head,
      events: eventsAfter(grant.task, claim.head, ["join.waiting"]),
    });
    await expect(journal.record([draft("model.called")])).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(await typesOf(grant)).toEqual(["task.created", "join.waiting"]);
  });

  function handOverOf(grant: Grant, claim: Claimed, sent: (TraceRecord | undefined)[]): HandOver {
    const writing: Sent["writing"] = { ...handOver(grant, claim), drafts: [] };
    return new HandOver(async (next) => {
      sent.push(next);
      const request = { ...handOver(grant, claim), goOnMs: 5_000, ...(next === undefined ? {} : { next }) };
      return { writing, sentAtMs: 0, released: await releaseActivation(redis, queue, request) };
    });
  }

  function journalOf({ task, holder }: Grant, claim: Claimed, ahead: HandOver): ActivationJournal {
    const lease = { check: () => undefined, abort: () => undefined };
    const head = headOf(handOver({ task, holder, activation: "planner#1", epoch: claim.epoch }, claim));
    const grant = { task, activation: "writer#1", holder, epoch: 1, attempt: 1 };
    return new ActivationJournal({ redis, ...grant, lease, head, ledger: claim.task.ledger, ahead });
  }

  async function typesOf({ task }: Grant): Promise<readonly string[]> {
    return (await readTrace(redis, task)).map(({ type }) => type);
  }
});

function draft(type: TraceEventType): TraceDraft {
  return { type, at: "2026-01-02T03:04:06.000Z", activation: "writer#1" };
}
