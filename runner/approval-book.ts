// What was asked before about the steps of one activation, as the store knows it now.
import { noteAsking, readApprovals } from "../store/approvals/read-approvals.ts";
import type { Redis } from "../store/connect.ts";
import type { ApprovalBook } from "./gate/approvals/book.ts";
import type { Held } from "./held.ts";

export function openApprovalBook(redis: Redis, { task, activation }: Pick<Held, "task" | "activation">): ApprovalBook {
  return {
    note: () => noteAsking(redis, task),
    find: async (step) => {
      const approvals = await readApprovals(redis, task);
      const asked = approvals.filter((approval) => approval.activation === activation && approval.step === step);
      const open = asked.findLast(({ phase }) => phase !== "Used" && phase !== "Void");
      return open === undefined ? undefined : { ...open, word: open.word ?? null };
    },
  };
}
