// What is spent of limits: those of an AgentPolicy that many tasks share, and those of one task.
import { wholeNumber } from "../../contracts/whole-number.ts";
import { compilePolicy } from "../../policies/compile/policy.ts";
import type { SpecSource } from "../../policies/compiled.ts";
import { type Limit, meterText, windowText } from "../../policies/limit.ts";
import type { SharedBudget } from "../../store/budgets.ts";
import { renderTable } from "./table.ts";

export interface BudgetRow {
  /** `tokens`, `micro_usd`, `steps`, `calls <tool>`. */
  readonly what: string;
  /** `agent default/writer`, or nothing: everything in the policy's scope. */
  readonly whom: string;
  /** How long a window is, `day` or a number of ms; null: for ever. */
  readonly window: string | null;
  /** When the window began; null: for ever. */
  readonly since: string | null;
  readonly spent: number;
  readonly reserved: number;
  /** null: the policy has no such limit any more. */
  readonly limit: number | null;
}

/** Of windows only the newest is shown: those before it hold nobody back. */
export function budgetRows(policy: SpecSource, budgets: readonly SharedBudget[]): BudgetRow[] {
  const { limits } = compilePolicy(policy);
  const seen = new Set<string>();
  return budgets.flatMap(({ account, window, spent, reserved }) => {
    const [address, what = "", whom = "", every = ""] = account.split("|");
    if (address !== policy.address || seen.has(account)) return [];
    seen.add(account);
    const limit = limits.filter((each) => isAbout(each, what, whom, every)).map(({ amount }) => amount);
    const since = window === null ? null : new Date(window * windowMsOf(limits, every)).toISOString();
    return [
      {
        what,
        whom,
        window: every === "" ? null : every,
        since,
        spent,
        reserved,
        limit: limit.length === 0 ? null : Math.min(...limit),
      },
    ];
  });
}

function isAbout(limit: Limit, what: string, whom: string, every: string): boolean {
  const { counted } = limit;
  if (counted.by !== "shared" || windowText(counted.windowMs) !== every) return false;
  const names = whom === "" ? [] : whom.split(", ").map((pair) => pair.split(" ")[0]);
  if (names.join() !== counted.dimensions.join()) return false;
  const [meter = "", ...tool] = what.split(" ");
  return meter === limit.meter && (limit.meter !== "calls" || meterText(limit, tool.join(" ")) === what);
}

function windowMsOf(limits: readonly Limit[], every: string): number {
  const found = limits.find(({ counted }) => counted.by === "shared" && windowText(counted.windowMs) === every);
  return found?.counted.by === "shared" ? (found.counted.windowMs ?? 0) : Number.parseInt(every, 10) || 0;
}

export function renderBudgets(rows: readonly BudgetRow[]): string {
  if (rows.length === 0) return "";
  const cells = rows.map(({ what, whom, since, spent, reserved, limit }) => [
    `  ${what === "micro_usd" ? "money" : what}`,
    whom === "" ? "all in scope" : whom,
    since ?? "-",
    amountText(what, spent),
    amountText(what, reserved),
    limit === null ? "-" : amountText(what, limit),
  ]);
  return `\nBudgets:\n${renderTable(["  WHAT", "FOR", "SINCE", "SPENT", "RESERVED", "LIMIT"], cells)}`;
}

export function amountText(what: string, amount: number): string {
  return what === "micro_usd" ? usdText(amount) : wholeNumber(amount);
}

function usdText(microUsd: number): string {
  return `$${(microUsd / 1_000_000).toFixed(4)}`;
}
