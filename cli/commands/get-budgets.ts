// `get budgets`: the ledgers that tasks share, by the policies that limit them: how much is used, held and left.
import { renderYaml } from "../../reconciler/load/render-yaml.ts";
import { readBudgets } from "../../store/budgets.ts";
import type { Redis } from "../../store/connect.ts";
import { readState } from "../../store/state.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printList, say } from "../output.ts";
import { openRedis } from "../redis.ts";
import { amountText, type BudgetRow, budgetRows } from "../view/budgets.ts";
import { renderTable } from "../view/table.ts";
import { watchRows } from "../watch-rows.ts";

export interface GetBudgetsOptions extends CommonFlags {
  /** Of an AgentPolicy. */
  readonly name?: string;
  readonly namespace?: string;
  readonly watch: boolean;
}

/** `held`: reserved by calls under way, and by calls whose runner was lost. */
interface ShownBudget extends Omit<BudgetRow, "spent" | "reserved"> {
  /** `AgentPolicy/<namespace>/<name>`. */
  readonly policy: string;
  readonly used: number;
  readonly held: number;
}

export function isBudgets(kind: string): boolean {
  return ["budget", "budgets"].includes(kind.trim().toLowerCase());
}

export async function runGetBudgets(host: Host, options: GetBudgetsOptions): Promise<ExitCode> {
  const { redis, close } = await openRedis(host, options);
  try {
    if (options.watch) return await watchRows(host, async () => rowsOf(await readShown(redis, options)));
    print(host, options, await readShown(redis, options));
    return EXIT.ok;
  } finally {
    await close();
  }
}

/** By policy. What nobody has spent of has no ledger yet. */
async function readShown(redis: Redis, { env, name, namespace }: GetBudgetsOptions): Promise<ShownBudget[]> {
  const [budgets, { records }] = await Promise.all([readBudgets(redis, env), readState(redis, env)]);
  return [...records.values()].flatMap(({ manifest: { kind, metadata, spec }, address }) => {
    const isAsked =
      (name ?? metadata.name) === metadata.name && (namespace ?? metadata.namespace) === metadata.namespace;
    if (kind !== "AgentPolicy" || !isAsked) return [];
    const source = { address, namespace: metadata.namespace, name: metadata.name, spec };
    return budgetRows(source, budgets).map(({ spent, reserved, ...row }) => {
      return { policy: address, ...row, used: spent, held: reserved };
    });
  });
}

function print(host: Host, { output }: GetBudgetsOptions, budgets: readonly ShownBudget[]): void {
  switch (output) {
    case "json":
      return printList(host, budgets);
    case "jsonl":
      for (const budget of budgets) host.stdout.write(`${JSON.stringify(budget)}\n`);
      return;
    case "name":
      for (const policy of new Set(budgets.map((budget) => budget.policy))) host.stdout.write(`${policy}\n`);
      return;
    case "yaml":
      host.stdout.write(renderYaml({ formatVersion: "1", items: budgets }));
      return;
    case "text":
    case "wide":
    case "markdown": {
      if (budgets.length === 0) return say(host, "Nothing is spent of any budget that tasks share.");
      const [header = [], ...rows] = rowsOf(budgets);
      host.stdout.write(renderTable(header, rows));
    }
  }
}

/** The header first. */
function rowsOf(budgets: readonly ShownBudget[]): string[][] {
  const header = ["POLICY", "WHAT", "FOR", "SINCE", "USED", "HELD", "LIMIT"];
  const rows = budgets.map(({ policy, what, whom, since, used, held, limit }) => [
    policy.slice(policy.indexOf("/") + 1),
    what === "micro_usd" ? "money" : what,
    whom === "" ? "all in scope" : whom,
    since ?? "-",
    amountText(what, used),
    amountText(what, held),
    limit === null ? "-" : amountText(what, limit),
  ]);
  return [header, ...rows];
}
