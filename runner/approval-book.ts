// What was asked before about the steps of one activation, as the store knows it now.
import { tellExpired } from "../store/approvals/answer-approval.ts";
import { type KnownApproval, noteAsking, readApprovals } from "../store/approvals/read-approvals.ts";
import type { Redis } from "../store/connect.ts";
import type { ApprovalBook, AskedBefore } from "./gate/approvals/book.ts";
import type { Held } from "./held.ts";

export function openApprovalBook(redis: Redis, { task, activation }: Pick<Held, "task" | "activation">): ApprovalBook {
  const asked = async (isMeant: (approval: KnownApproval) => boolean): Promise<KnownApproval[]> =>
    (await readApprovals(redis, task)).filter((approval) => approval.activation === activation && isMeant(approval));
  return {
    note: () => noteAsking(redis, task),
    tellExpired: async (id) => {
      for (const approval of await asked((one) => one.id === id)) await tellExpired(redis, task.env, approval);
    },
    findCall: async (step) => entryOf((await asked((approval) => approval.step === step)).findLast(isOpen)),
    findTurn: async (turn, binding) => {
      const found = await asked(({ about, turn: of }) => about === "model" && of === turn);
      return entryOf(found.findLast((approval) => isInUse(approval, binding)) ?? found.findLast(isOpen));
    },
  };
}

function isOpen({ phase }: KnownApproval): boolean {
  return phase !== "Used" && phase !== "Void";
}

function isInUse({ phase, binding, isOver }: KnownApproval, wanted: string): boolean {
  return phase === "Used" && binding === wanted && !isOver;
}

function entryOf(approval: KnownApproval | undefined): AskedBefore | undefined {
  return approval === undefined ? undefined : { ...approval, word: approval.word ?? null };
}
