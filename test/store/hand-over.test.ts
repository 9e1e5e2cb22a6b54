// A release that brings the first record of what its holder goes on with, in a real Redis.
import { expect, test } from "vitest";
import { headOf, type TraceRecord } from "../../store/chain.ts";
import type { Redis } from "../../store/connect.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { cancelTask } from "../../store/scripts/cancel-task.ts";
import { claimActivation } from "../../store/scripts/claim.ts";
import { type ReleaseRequest, releaseActivation } from "../../store/scripts/release.ts";
import { readTask, readTrace } from "../../store/tasks.ts";
import { describeWithRedis } from "../redis.ts";
import { useQueue } from "./use-queue.ts";
import { type Claimed, claimedTask, eventsAfter, type Grant, handOver, until } from "./world.ts";

const STEP = { activation: "writer#1", step: "m1", state: "started" as const, idempotencyKey: "k1" };

describeWithRedis("a release with the first record of what follows", () => {
  let redis: Redis;
  let queue: ActivationQueue;
  useQueue((...given) => {
    [redis, queue] = given;
  });

  test("is one piece with it, also where its answer is lost", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const request = withNext(grant, claim, 100);
    const released = await releaseActivation(redis, queue, request);
    const ledger = { ...claim.task.ledger, reservedTokens: 60, steps: 1 };
    expect(released).toMatchObject({ head: headOf(request.next), goOn: { wroteNext: true, ledger } });
    expect(await typesOf(grant)).toEqual(["task.created", "agent.finished", "agent.started", "model.called"]);
    expect((await readTask(redis, grant.task))?.trace).toEqual(headOf(request.next));
    expect(await releaseActivation(redis, queue, request)).toEqual(released);
    expect(await typesOf(grant)).toHaveLength(4);
    const taken = await until("its lease ends", async () => {
      const answer = await claimActivation(redis, { ...grant, activation: "writer#1", holder: "r2", leaseMs: 5_000 });
      return answer.outcome === "claimed" && answer;
    });
    expect(taken).toMatchObject({ epoch: 2, takenOverFrom: "r1", steps: [STEP], task: { ledger } });
  });

  test("happens without it where it would go over the budget", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    const request = withNext(grant, claim, 59);
    const released = await releaseActivation(redis, queue, request);
    expect(released).toMatchObject({ head: headOf(request), goOn: { wroteNext: false, ledger: claim.task.ledger } });
    expect(await typesOf(grant)).toEqual(["task.created", "agent.finished"]);
    expect(await releaseActivation(redis, queue, request)).toEqual(released);
  });

  test("happens without it where somebody wants the task to stop", async () => {
    const { grant, claim } = await claimedTask(redis, queue);
    await cancelTask(redis, grant.task, "anna");
    const released = await releaseActivation(redis, queue, withNext(grant, claim, 100));
    expect(released).toMatchObject({ goOn: { wroteNext: false, cancelRequested: true, cancelledBy: "anna" } });
    expect(await typesOf(grant)).not.toContain("model.called");
  });

  async function typesOf({ task }: Grant): Promise<readonly string[]> {
    return (await readTrace(redis, task)).map(({ type }) => type);
  }
});

/** The planner is done, and the writer reserves 60 tokens of `limit`. */
function withNext(grant: Grant, claim: Claimed, limit: number): ReleaseRequest & { readonly next: TraceRecord } {
  const release = handOver(grant, claim);
  const after = headOf(release);
  const events = eventsAfter(grant.task, after, ["agent.started", "model.called"]);
  const charges = [{ kind: "reserve" as const, tokens: 60, limit }];
  return { ...release, goOnMs: 300, next: { after, events, steps: [STEP], charges } };
}
