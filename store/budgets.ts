// What is spent and reserved of the ledgers that many tasks share, for people. Who writes them: scripts/reserve-budgets.ts
// and scripts/settle-budgets.ts.
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { budgetKeys } from "./keys.ts";
import { numberOf } from "./reply.ts";

export interface SharedBudget {
  /** The account, as the policies name it. */
  readonly account: string;
  /** The window's number; null: for ever. */
  readonly window: number | null;
  readonly spent: number;
  readonly reserved: number;
}

/** In order of account, newest window first. */
export async function readBudgets(redis: Redis, env: string): Promise<SharedBudget[]> {
  const fields = await ask(redis, () => redis.hgetall(budgetKeys(env).budgets));
  const names = new Set(Object.keys(fields).map((field) => field.slice(field.indexOf(" ") + 1)));
  const budgets = [...names].map((entry): SharedBudget => {
    const at = entry.lastIndexOf("|");
    const amount = (kind: string): number => numberOf(`the budget ${entry}`, fields[`${kind} ${entry}`] ?? 0);
    const window = entry.slice(at + 1);
    return {
      account: entry.slice(0, at),
      window: window === "" ? null : numberOf(`the budget ${entry}`, window),
      spent: amount("spent"),
      reserved: amount("reserved"),
    };
  });
  return budgets.toSorted((a, b) =>
    a.account === b.account ? (b.window ?? 0) - (a.window ?? 0) : a.account < b.account ? -1 : 1,
  );
}
