// What tests of approvals do for people: look at what waits, and answer it.
import { expect } from "vitest";
import type { ApprovalRecord, Identity } from "../../contracts/approval.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { type AnswerOutcome, answerApproval } from "../../store/approvals/answer-approval.ts";
import { readApprovals } from "../../store/approvals/read-approvals.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import type { World } from "./world.ts";

export const ADA: Identity = { kind: "local", name: "ada" };
export const BEN: Identity = { kind: "github", name: "ben" };

export interface ApprovalDesk {
  /** Until a call or a turn of the task waits for a person. */
  readonly waiting: (ref: TaskRef, boundMs?: number) => ReturnType<World["until"]>;
  /** The one that waits: it is a fault where there are none or several. */
  readonly pending: (ref: TaskRef) => Promise<ApprovalRecord>;
  readonly phases: (ref: TaskRef) => Promise<readonly string[]>;
  readonly answer: (
    approval: ApprovalRecord,
    what: "approved" | "denied",
    by?: Identity,
    reason?: string,
  ) => Promise<AnswerOutcome>;
}

/** `here`: of the test that runs now. */
export function approvalDesk(here: () => { readonly world: World; readonly queue: ActivationQueue }): ApprovalDesk {
  return {
    waiting: (ref, boundMs) =>
      here().world.until(ref, (task) => task.activations.some(({ phase }) => phase === "Waiting"), boundMs),
    async pending(ref) {
      const found = (await readApprovals(here().world.redis, ref)).filter(({ phase }) => phase === "Pending");
      expect(found).toHaveLength(1);
      return found[0] as ApprovalRecord;
    },
    phases: async (ref) => (await readApprovals(here().world.redis, ref)).map(({ phase }) => phase),
    answer(approval, what, by = ADA, reason) {
      const { world, queue } = here();
      const word = { by, at: new Date().toISOString(), ...(reason === undefined ? {} : { reason }) };
      return answerApproval(world.redis, queue, { approval, answer: what, word });
    },
  };
}
