// What is spent of ledgers that many tasks share, in the windows of now. Who reserves and settles: scripts/append.ts.
import type { Redis } from "../connect.ts";
import { budgetKeys } from "../keys.ts";
import { listOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { NOW } from "./lua.ts";
import { claimArguments, LOOK_AT, readAmounts, type SharedClaim } from "./shared-ledgers.ts";

/**
 * KEYS  1 budgets
 * ARGV  the claims (see LOOK_AT)
 * Answers the amounts before, in the order of the claims. What calls under way hold may come back, and does not count.
 */
const LOOK = defineScript(`${NOW}${LOOK_AT}
return amounts_before((look_at(KEYS[1], 1, #ARGV, false)))
`);

/** Account → what is spent of it. */
export async function lookAtBudgets(
  redis: Redis,
  env: string,
  claims: readonly SharedClaim[],
): Promise<Readonly<Record<string, number>>> {
  const what = "the answer about shared budgets";
  const answer = await runScript(redis, LOOK, [budgetKeys(env).budgets], claimArguments(claims));
  return readAmounts(what, claims, listOf(what, answer));
}
