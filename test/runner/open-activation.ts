// The journal of an activation that this process has claimed, without a runner around it.
import type { TaskRef } from "../../contracts/task.ts";
import { ActivationJournal } from "../../runner/trace/activation-journal.ts";
import type { Redis } from "../../store/connect.ts";
import { claimActivation } from "../../store/scripts/claim.ts";

export async function openActivation(redis: Redis, task: TaskRef, activation: string): Promise<ActivationJournal> {
  const claim = await claimActivation(redis, { task, activation, holder: "r1", leaseMs: 20_000 });
  if (claim.outcome !== "claimed") throw new Error(claim.outcome);
  const { epoch, attempt, head } = claim;
  const lease = { check: () => undefined, abort: () => undefined };
  return new ActivationJournal({
    redis,
    task,
    activation,
    holder: "r1",
    epoch,
    attempt,
    lease,
    head,
    ledger: claim.task.ledger,
  });
}
