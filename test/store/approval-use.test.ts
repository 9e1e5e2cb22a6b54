// An approval is used in one piece with what begins under it: once by a call, again only by the turn that began under it,
// and never after its time.
import { expect, test } from "vitest";
import type { ApprovalPhase, ApprovalRequest } from "../../contracts/approval.ts";
import type { ChainHead } from "../../contracts/trace.ts";
import { readApprovals } from "../../store/approvals/read-approvals.ts";
import type { TraceRecord } from "../../store/chain.ts";
import type { Redis } from "../../store/connect.ts";
import { taskKeys } from "../../store/keys.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { appendEvents } from "../../store/scripts/append.ts";
import { describeWithRedis } from "../redis.ts";
import { useQueue } from "./use-queue.ts";
import { claimedTask, eventsAfter, type Grant } from "./world.ts";

const ID = "0123456789";
const DIGEST = `sha256:${"1".repeat(64)}`;

/** As it was written before questions said what they are about. */
function questionOf(more: Partial<ApprovalRequest> = {}): ApprovalRequest {
  const request = {
    id: ID,
    activation: "planner#1",
    agent: "planner",
    turn: 1,
    step: "m1.c0",
    tool: "pay",
    operationClasses: [],
    arguments: {},
    argumentsDigest: DIGEST,
    definitionDigest: DIGEST,
    binding: DIGEST,
    decisionId: "d1",
    reasons: [],
    terms: { ttlMs: 60_000, notRequester: false, approvers: null },
    requestedAt: "2026-01-01T00:00:00.000Z",
    ...more,
  };
  return request as unknown as ApprovalRequest;
}

function oneAfter({ task }: Grant, after: ChainHead): TraceRecord {
  return { after, events: eventsAfter(task, after, ["turn.decided"]) };
}

describeWithRedis("the use of an approval", () => {
  let redis: Redis;
  let queue: ActivationQueue;
  useQueue((...given) => {
    [redis, queue] = given;
  });

  async function useIn(phase: ApprovalPhase, kind: "use" | "use-again", isOver = false): Promise<string> {
    const { grant, claim } = await claimedTask(redis, queue, { leaseMs: 60_000 });
    const asked = { kind: "request", request: questionOf(), replaces: null } as const;
    const first = await appendEvents(redis, { ...grant, ...oneAfter(grant, claim.head), approval: asked });
    if (first.outcome !== "appended") throw new Error(first.outcome);
    const { approvals } = taskKeys(grant.task);
    await redis.hset(approvals, `${ID}/phase`, phase, ...(isOver ? [`${ID}/until`, "1"] : []));
    const use = { ...grant, ...oneAfter(grant, first.head), approval: { kind, id: ID } };
    const { outcome } = await appendEvents(redis, use);
    return `${outcome} ${(await readApprovals(redis, grant.task))[0]?.phase}`;
  }

  test("begins what was approved, in time, and nothing else", async () => {
    expect(await useIn("Approved", "use")).toBe("appended Used");
    expect(await useIn("Approved", "use", true)).toBe("unapproved Approved");
    for (const phase of ["Pending", "Used", "Denied", "Void"] as const)
      expect(await useIn(phase, "use")).toBe(`unapproved ${phase}`);
  });

  test("goes on only where it has begun, and in time", async () => {
    expect(await useIn("Used", "use-again")).toBe("appended Used");
    expect(await useIn("Used", "use-again", true)).toBe("unapproved Used");
    for (const phase of ["Pending", "Approved", "Denied", "Void"] as const)
      expect(await useIn(phase, "use-again")).toBe(`unapproved ${phase}`);
  });

  test("reads a question of old as one about a tool, and refuses one about something that nobody knows", async () => {
    const { grant, claim } = await claimedTask(redis, queue, { leaseMs: 60_000 });
    const asked = { kind: "request", request: questionOf(), replaces: null } as const;
    await appendEvents(redis, { ...grant, ...oneAfter(grant, claim.head), approval: asked });
    expect(await readApprovals(redis, grant.task)).toMatchObject([{ about: "tool", tool: "pay" }]);
    const other = JSON.stringify({ ...questionOf(), about: "weather" });
    await redis.hset(taskKeys(grant.task).approvals, ID, other);
    await expect(readApprovals(redis, grant.task)).rejects.toMatchObject({ code: "STATE_CORRUPT" });
  });
});
