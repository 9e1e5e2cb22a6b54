// What somebody said about exactly this plan, when the reconciler was started or on the page: found for the apply that needs
// it, and spent by it.
import type { EnvironmentSettings } from "../../contracts/environment.ts";
import type { Plan } from "../../contracts/plan.ts";
import type { Redis } from "../../store/connect.ts";
import { dropApplyWord, dropPruneWord, findApplyWord, findPruneWord } from "../../store/prune-words.ts";
import { type PruneConfirmation, prunesDigest } from "./confirm.ts";
import { changesDigest } from "./gate.ts";

interface Place {
  readonly redis: Redis;
  readonly env: string;
  readonly now: () => Date;
}

/** By somebody's word on exactly these changes. */
export async function findReleased(
  { redis, env, now }: Place,
  { gate }: Pick<EnvironmentSettings, "gate">,
  plan: Plan,
): Promise<{ readonly by: string } | undefined> {
  return gate === "none" ? undefined : await findApplyWord(redis, env, changesDigest(plan), now());
}

export async function findConfirmed(
  { redis, env, now }: Place,
  confirmation: PruneConfirmation | undefined,
  plan: Plan,
): Promise<{ readonly prunes: number; readonly by?: string } | undefined> {
  if (plan.confirm === null) return undefined;
  const prunes = confirmation?.prunes ?? null;
  if (prunes === plan.confirm.prunes) return { prunes };
  return await findPruneWord(redis, env, prunesDigest(plan), now());
}

/** The plan was applied: whatever was said for it is used up. */
export async function spendWords(
  { redis, env }: Place,
  confirmation: PruneConfirmation | undefined,
  plan: Plan,
): Promise<void> {
  if (plan.confirm !== null) {
    confirmation?.spend();
    await dropPruneWord(redis, env, prunesDigest(plan));
  }
  await dropApplyWord(redis, env, changesDigest(plan));
}
