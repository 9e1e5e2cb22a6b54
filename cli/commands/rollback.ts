// `rollback --to N|<sha>`: brings back what the state held after an apply of the past, by a plan like any other.
import { randomUUID } from "node:crypto";
import type { ObservedState } from "../../contracts/record.ts";
import { openSource } from "../../reconciler/environment-source.ts";
import { type FoundApply, findApply } from "../../reconciler/history/find-apply.ts";
import { readFacts } from "../../reconciler/history/read-facts.ts";
import { type RestoredAnswer, readRestored } from "../../reconciler/history/read-restored.ts";
import { makePlan, type PlannableSource } from "../../reconciler/plan/make-plan.ts";
import { type HistoryEntry, readHistory } from "../../store/history.ts";
import { readHolds } from "../../store/holds.ts";
import { STORE_LIMITS } from "../../store/limits.ts";
import { readState } from "../../store/state.ts";
import { envWords } from "../env-words.ts";
import { findSettings } from "../environment-settings.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host } from "../host.ts";
import { printFailure, say } from "../output.ts";
import { readVersion, TOOL_NAME } from "../package-facts.ts";
import { shellWord, sourceTools } from "../plan-source.ts";
import { type OpenRedis, openRedis } from "../redis.ts";
import { saidBy } from "../said-by.ts";
import { printPlan } from "../view/plan.ts";
import { openWriter } from "../writer.ts";
import { type ApplyOptions, carryOut } from "./apply.ts";

export interface RollbackOptions extends Omit<ApplyOptions, "target" | "repo" | "ref" | "path"> {
  /** The number of an apply, or the commit that it applied. */
  readonly to: string;
}

export async function runRollback(host: Host, options: RollbackOptions): Promise<ExitCode> {
  const server = await openRedis(host, options);
  try {
    const entries = await readHistory(server.redis, options.env, STORE_LIMITS.keptApplies);
    const found = findApply(entries, options.to);
    if (found.outcome !== "found") return printNotFound(host, options, found, entries);
    const observed = await readState(server.redis, options.env);
    const isKeyed = host.config.stateKey !== undefined;
    const { entry } = found;
    const restored = await readRestored(server.redis, { env: options.env, entry, observed, isKeyed });
    if (restored.outcome !== "ok") return printLost(host, options, entry, restored);
    return await rollBack(host, options, { server, entry, entries, observed, source: restored.source });
  } finally {
    await server.close();
  }
}

interface Rollback {
  readonly server: OpenRedis;
  readonly entry: HistoryEntry;
  /** Newest first. */
  readonly entries: readonly HistoryEntry[];
  readonly observed: ObservedState;
  readonly source: PlannableSource;
}

async function rollBack(host: Host, options: RollbackOptions, rollback: Rollback): Promise<ExitCode> {
  const { server, entry, entries, observed, source } = rollback;
  const found = await findSettings(host, options);
  if (found.outcome === "invalid") return found.exitCode;
  const { settings } = found;
  const { resources: suspended } = await readHolds(server.redis, options.env);
  const tool = { name: TOOL_NAME, version: readVersion() };
  // The branch is not asked: what it holds is what is rolled back.
  const plan = makePlan({
    source,
    history: "fast-forward",
    observed,
    suspended,
    settings,
    env: options.env,
    now: host.now(),
    planId: randomUUID(),
    tool,
  });
  const base = observed.head?.commit ?? null;
  if (options.output === "text") await printPlan(host, "text", { plan, commit: null, base, showFile: (file) => file });
  const { serial, commit } = entry;
  const against = await branchHead(host, entries, base);
  const restores = {
    to: serial,
    by: await saidBy(host, server.redis, options, "apply"),
    since: host.now().toISOString(),
    against,
  };
  const open = openWriter(host, server, options.env);
  try {
    const work = { plan, source, observed, open, settings, rollback: { rollbackOf: { serial, commit }, restores } };
    const code = await carryOut(host, options, work);
    const { rolledBack } = await readHolds(server.redis, options.env);
    if ((rolledBack?.serial ?? 0) > plan.state.serial) sayHold(host, options, against);
    return code;
  } finally {
    await open.close();
  }
}

function sayHold(host: Host, { env }: RollbackOptions, against: string | null): void {
  const resume = `countwheel resume${envWords(env)}`;
  const until = against === null ? resume : `a commit on top of ${against.slice(0, 7)}, or ${resume}`;
  say(host, `The reconciler leaves it like this until ${until}.`);
}

/** Where the branch stands now; where that cannot be asked, the commit that was applied last. null: a working tree. */
async function branchHead(
  host: Host,
  entries: readonly HistoryEntry[],
  applied: string | null,
): Promise<string | null> {
  const source = entries.map((entry) => readFacts(entry)).find((facts) => facts?.rollbackOf === null)?.source;
  if (source === undefined || source.ref === null) return null;
  const spec = { kind: "commit", repo: source.repo, ref: source.ref, path: source.path } as const;
  const head = await openSource(spec, await sourceTools(host, spec)).lookUp(host.signal);
  if (head.status === "ok") return head.sha;
  say(host, `${source.repo} cannot be asked where ${source.ref} stands: taking what was applied last`);
  return source.headSha ?? applied;
}

function printNotFound(
  host: Host,
  { to, output }: RollbackOptions,
  found: Exclude<FoundApply<HistoryEntry>, { readonly outcome: "found" }>,
  entries: readonly HistoryEntry[],
): ExitCode {
  const [newest, oldest] = [entries[0]?.serial, entries.at(-1)?.serial];
  const kept = newest === undefined ? "nothing was applied yet" : `the history holds #${oldest} to #${newest}`;
  const message =
    found.outcome === "ambiguous"
      ? `\`${to}\` is the beginning of ${found.commits.length} commits: ${found.commits.join(", ")}`
      : `\`${to}\` is no apply that is kept, neither by number nor by commit; ${kept}: countwheel history`;
  return printFailure(host, output, { code: "APPLY_NOT_FOUND", message, exitCode: EXIT.failed, details: {} });
}

function printLost(
  host: Host,
  { output, env }: RollbackOptions,
  entry: HistoryEntry,
  lost: Exclude<RestoredAnswer, { readonly outcome: "ok" }>,
): ExitCode {
  const message = `#${entry.serial} cannot be brought back: ${lostText(lost)}. ${wayOut(env, entry)}`;
  const details = { serial: entry.serial, commit: entry.commit };
  return printFailure(host, output, { code: "ROLLBACK_NOT_KEPT", message, exitCode: EXIT.failed, details });
}

function lostText(lost: Exclude<RestoredAnswer, { readonly outcome: "ok" }>): string {
  switch (lost.outcome) {
    case "collected":
      return `what it held is kept for ${STORE_LIMITS.rollbackApplies} applies, and was collected since`;
    case "not-kept":
      return lost.why;
    case "differs":
      return "records were changed since by something else than an apply, and what they were is gone";
  }
}

/** Git still has it. */
function wayOut(env: string, { commit, facts }: HistoryEntry): string {
  if (commit === null) return "It was applied from a working tree, so no commit holds it.";
  const source = facts["source"];
  const repo: unknown = typeof source === "object" && source !== null ? Reflect.get(source, "repo") : undefined;
  const path: unknown = typeof source === "object" && source !== null ? Reflect.get(source, "path") : undefined;
  const words = typeof repo === "string" ? ` --repo ${shellWord(repo)}` : "";
  const folder = typeof path === "string" && path !== "." ? ` --path ${shellWord(path)}` : "";
  return `Its commit is still in Git: countwheel plan${words} --ref ${commit}${folder}${envWords(env)}`;
}
