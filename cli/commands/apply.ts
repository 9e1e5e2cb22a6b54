// `apply`: carries out a plan: a saved one exactly, or a new one of a working tree or commit after a question.
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { displayAddress } from "../../contracts/address.ts";
import type { EnvironmentSettings } from "../../contracts/environment.ts";
import type { AcceptedHistory } from "../../contracts/holds.ts";
import { countsLine, type History, hasChanges, type Plan } from "../../contracts/plan.ts";
import { hasErrors } from "../../contracts/problem.ts";
import type { ObservedState } from "../../contracts/record.ts";
import { type ApplyOutcome, applyPlan, leaveUnchanged, type PlannedWork } from "../../reconciler/apply/apply-plan.ts";
import { findReplaced, type Replaced, replacedText } from "../../reconciler/apply/lineage-memory.ts";
import { type Moved, movedInSource, movedInTime } from "../../reconciler/apply/stale.ts";
import { openSource } from "../../reconciler/environment-source.ts";
import type { ApplyNote } from "../../reconciler/history/apply-facts.ts";
import { rewrittenBranch } from "../../reconciler/holds/history.ts";
import { suspensionText } from "../../reconciler/holds/suspended.ts";
import { oneLine } from "../../reconciler/plan/inert.ts";
import { makePlan, type PlanInput, type PlannableSource } from "../../reconciler/plan/make-plan.ts";
import { isSavedPlan, parseSavedPlan } from "../../reconciler/plan/saved-plan.ts";
import { noteHeldHistory, readHolds } from "../../store/holds.ts";
import { writeRetention } from "../../store/retention-rules.ts";
import { readState } from "../../store/state.ts";
import { findHeldBranch, findRefusal } from "../apply/refusal.ts";
import { environmentSpec, findSettings } from "../environment-settings.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printFailure, say, UsageFailure } from "../output.ts";
import { readVersion, TOOL_NAME } from "../package-facts.ts";
import { fileFromHere, type SourceFlags, sourceTools, specOfPlan } from "../plan-source.ts";
import { openRedis } from "../redis.ts";
import { type Saying, saidBy } from "../said-by.ts";
import { careOf, refuseUnsigned } from "../source-care.ts";
import { printApplied } from "../view/applied.ts";
import { printPlan } from "../view/plan.ts";
import { type OpenWriter, openWriter } from "../writer.ts";
import { printUnavailable } from "./plan.ts";

export interface ApplyOptions extends CommonFlags, Omit<SourceFlags, "folder">, Saying {
  /** A directory, a file, or a saved plan. */
  readonly target?: string;
  readonly yes: boolean;
  readonly confirmPrunes?: number;
  readonly config?: string;
  /** Rewritten histories that may be applied. */
  readonly allowHistory?: readonly History[];
  /** The state was replaced, and that was meant. */
  readonly acceptNewState?: boolean;
  /** Why it must be now, although the environment is frozen. */
  readonly overrideFreeze?: string;
  /** False: ask nothing. */
  readonly input?: boolean;
  readonly allowUnprotected?: boolean;
}

/** What is about to be applied: the plan, and where its real values are. */
export interface Work {
  readonly plan: Plan;
  readonly source: PlannableSource;
  readonly observed: ObservedState;
  readonly open: OpenWriter;
  readonly settings: EnvironmentSettings;
  /** The rewritten branch that somebody said `resume` to. */
  readonly acceptedHistory?: AcceptedHistory | null;
  /** For a rollback: what it restores, and what holds the reconciler back from here on. */
  readonly rollback?: Required<Pick<ApplyNote, "rollbackOf">> & Required<Pick<PlannedWork, "restores">>;
}

export async function runApply(host: Host, options: ApplyOptions): Promise<ExitCode> {
  const saved = await findSavedPlan(host, options);
  const early = saved === undefined ? [] : movedBefore(host, options, saved);
  if (early.length > 0) return printStale(host, options, early);
  const found = await findSettings(host, options);
  if (found.outcome === "invalid") return found.exitCode;
  const { settings } = found;
  const flags = { ...options, ...folderOf(options) };
  const spec = saved === undefined ? environmentSpec(host, flags, found) : specOfPlan(saved.source);
  const tools = { ...(await sourceTools(host, spec)), ...careOf(found) };
  const source = openSource(spec, tools);
  const answer = await source.read(host.signal);
  if (answer.status === "unavailable") return printUnavailable(host, options, answer.reason);
  const moved = saved === undefined ? [] : movedInSource(saved, answer, settings);
  if (moved.length > 0) return printStale(host, options, moved);
  const server = await openRedis(host, options);
  const { redis } = server;
  const open = openWriter(host, server, options.env);
  try {
    const observed = await readState(redis, options.env);
    const from = observed.head?.commit ?? null;
    const history = await source.history(from, answer.identity.headSha, host.signal);
    const { environment, resources: suspended, acceptedHistory } = await readHolds(redis, options.env);
    if (environment !== null) say(host, `The environment is ${suspensionText(environment)}. This apply goes on.`);
    const plan = saved ?? planNow(host, options, { source: answer, history, observed, suspended, settings });
    const showFile = fileFromHere(host, spec);
    if (options.output === "text")
      await printPlan(host, "text", { plan, commit: answer.identity.commit, base: from, showFile });
    const unsigned = await refuseUnsigned(host, options.output, { source, plan, from });
    if (unsigned !== undefined) return unsigned;
    return await carryOut(host, options, { plan, source: answer, observed, open, settings, acceptedHistory });
  } finally {
    await open.close();
    await server.close();
  }
}

function folderOf({ target }: ApplyOptions): { readonly folder?: string } {
  return target === undefined ? {} : { folder: target };
}

async function findSavedPlan(host: Host, { target }: ApplyOptions): Promise<Plan | undefined> {
  if (target === undefined) return undefined;
  // A directory cannot be read as a file, and what is not there is told by the source.
  const text = await readFile(resolve(host.cwd, target), "utf8").catch(() => undefined);
  return text !== undefined && isSavedPlan(text) ? parseSavedPlan(target, text, host.config.stateKey) : undefined;
}

function thisTool(): Plan["tool"] {
  return { name: TOOL_NAME, version: readVersion() };
}

function movedBefore(host: Host, { env }: ApplyOptions, plan: Plan): Moved[] {
  const moved = movedInTime(plan, host.now(), thisTool());
  if (plan.state.env === env) return moved;
  return [
    ...moved,
    {
      input: "environment",
      message: `it is for \`${plan.state.env}\`, not for \`${env}\`: add --env ${plan.state.env}`,
    },
  ];
}

type Planned = Pick<PlanInput, "source" | "history" | "observed" | "suspended" | "settings">;

function planNow(host: Host, { env }: ApplyOptions, planned: Planned): Plan {
  return makePlan({ ...planned, env, now: host.now(), planId: randomUUID(), tool: thisTool() });
}

export async function carryOut(host: Host, options: ApplyOptions, work: Work): Promise<ExitCode> {
  const { plan, source, observed, open } = work;
  const person = await saidBy(host, open.writer.redis, options, "apply");
  const refused = findRefusal(options, work, host.now());
  if (refused?.code === "HISTORY_HELD") await keepHeldBranch(options, work, host.now());
  if (refused !== undefined) return printFailure(host, options.output, refused);
  const replaced = options.acceptNewState ? null : await findReplaced(open.writer.lineages, observed.head);
  if (replaced !== null) return printReplaced(host, options, replaced);
  if (hasChanges(plan) && !(await agreed(host, options, plan))) {
    say(host, "Nothing was changed.");
    return EXIT.failed;
  }
  if (options.acceptNewState) await open.writer.lineages.forget();
  await writeRetention(open.writer.redis, open.writer.env, work.settings.retention);
  if (!hasChanges(plan)) {
    const tasks = await leaveUnchanged(open.writer, observed);
    printApplied(host, options.output, { plan, outcome: { outcome: "unchanged", tasks } });
    return EXIT.ok;
  }
  const acceptedHistory = work.acceptedHistory ?? allowedHistory(options, work, { by: person, since: host.now() });
  const note = {
    person,
    ...(acceptedHistory === null ? {} : { acceptedHistory }),
    ...(options.overrideFreeze === undefined ? {} : { overrideFreeze: options.overrideFreeze }),
    ...(work.rollback === undefined ? {} : { rollbackOf: work.rollback.rollbackOf }),
  };
  const restores = work.rollback === undefined ? {} : { restores: work.rollback.restores };
  const outcome = await applyPlan(open.writer, {
    plan,
    manifests: source.load.set.manifests,
    observed,
    note,
    ...restores,
    ...(plan.confirm === null || options.confirmPrunes === undefined ? {} : { confirmedPrunes: options.confirmPrunes }),
  });
  return printOutcome(host, options, plan, outcome);
}

/** For `resume`, which the refusal names. */
async function keepHeldBranch(options: ApplyOptions, work: Work, since: Date): Promise<void> {
  const held = findHeldBranch(options, work);
  const branch = held === undefined ? undefined : rewrittenBranch(held);
  const { redis, env } = work.open.writer;
  if (branch !== undefined) await noteHeldHistory(redis, env, { ...branch, since: since.toISOString() });
}

/** Whoever applies with `--allow-history` has taken the branch as it is. */
function allowedHistory(
  { allowHistory = [] }: ApplyOptions,
  { plan, observed }: Work,
  { by, since }: { readonly by: string; readonly since: Date },
): AcceptedHistory | null {
  const { history, headSha: to, ref } = plan.source;
  const from = observed.head?.commit ?? null;
  const isRewritten = (history === "forced" || history === "unrelated") && ref !== null;
  if (!isRewritten || !allowHistory.includes(history) || from === null || to === null) return null;
  return { history, from, to, by, since: since.toISOString() };
}

async function agreed(host: Host, options: ApplyOptions, { state, counts }: Plan): Promise<boolean> {
  if (options.yes) return true;
  const canAnswer = host.stderr.isTTY && !host.config.noInput && options.input !== false;
  if (!canAnswer) throw new UsageFailure("nobody can answer here: add --yes to apply without a question");
  return await host.confirm(`${countsLine(counts)} Apply to environment ${state.env}?`);
}

function printOutcome(host: Host, options: ApplyOptions, plan: Plan, outcome: ApplyOutcome): ExitCode {
  const fail = (code: string, message: string, exitCode: ExitCode): ExitCode =>
    printFailure(host, options.output, { code, message, exitCode, details: {} });
  switch (outcome.outcome) {
    case "applied":
      printApplied(host, options.output, { plan, outcome });
      return sayLeft(host, plan);
    case "stale":
      return printStale(host, options, outcome.moved);
    case "used":
      return fail("PLAN_USED", "this plan was applied before; plan again", EXIT.stale);
    case "lock-lost":
      return fail("LEASE_LOST", "the writer's lock went to somebody else; nothing was changed", EXIT.stale);
    case "locked":
      return fail("ENVIRONMENT_LOCKED", `${outcome.holder} is applying to this environment; try again`, EXIT.failed);
  }
}

const LEFT_SHOWN = 10;

/** The rest of the plan is carried out; what is left is named, and the exit code tells. */
function sayLeft(host: Host, { changes, problems }: Plan): ExitCode {
  const left = changes.flatMap(({ blocked, ...change }) => (blocked === undefined ? [] : [{ change, blocked }]));
  for (const { change, blocked } of left.slice(0, LEFT_SHOWN)) {
    say(host, `${blocked.code}: ${displayAddress(change)} was left as it is: ${oneLine(blocked.message)}`);
  }
  if (left.length > LEFT_SHOWN) say(host, `and ${left.length - LEFT_SHOWN} more`);
  if (hasErrors(problems)) say(host, "Broken manifests were left out, and nothing was pruned.");
  return left.length > 0 || hasErrors(problems) ? EXIT.blocked : EXIT.ok;
}

function printReplaced(host: Host, { output }: ApplyOptions, replaced: Replaced): ExitCode {
  const mend = "Nothing was changed. If this is meant, apply with --accept-new-state.";
  const message = `${replacedText(replaced)} ${mend}`;
  return printFailure(host, output, {
    code: "STATE_REPLACED",
    message,
    exitCode: EXIT.blocked,
    details: { ...replaced },
  });
}

const MOVED_SHOWN = 10;

function printStale(host: Host, { output }: ApplyOptions, moved: readonly Moved[]): ExitCode {
  const shown = moved.slice(0, MOVED_SHOWN).map(({ message }) => message);
  const rest = moved.length > MOVED_SHOWN ? ` and ${moved.length - MOVED_SHOWN} more` : "";
  const message = `the plan no longer fits: ${shown.join("; ")}${rest}. Plan again.`;
  return printFailure(host, output, { code: "PLAN_STALE", message, exitCode: EXIT.stale, details: { moved } });
}
