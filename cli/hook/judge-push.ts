// Before a push is let in: plans the pushed commit for one environment, shows the plan to the pusher, and says whether
// it may come in. Writes nothing but what a person may be asked about: a rewritten branch, and that a plan was shown.
import { LeaseLost, PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import type { Plan } from "../../contracts/plan.ts";
import { PruneConfirmation } from "../../reconciler/holds/confirm.ts";
import { rewrittenBranch } from "../../reconciler/holds/history.ts";
import { oneLine } from "../../reconciler/plan/inert.ts";
import { renderProblem } from "../../reconciler/plan/render-problem.ts";
import { shownDigest } from "../../reconciler/plan/shown-plan.ts";
import type { CommitInfo } from "../../reconciler/source/source.ts";
import { type TickOutcome, tick } from "../../reconciler/tick.ts";
import { noteHeldHistory } from "../../store/holds.ts";
import { makeReadOnly } from "../../store/read-only.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host } from "../host.ts";
import { failureOf, printFailure, say } from "../output.ts";
import { openRedis } from "../redis.ts";
import { printPlan } from "../view/plan.ts";
import { openReader } from "../writer.ts";
import { openPush, type Push, type PushOpened, redisOf } from "./open-push.ts";
import { applyCommand, type Refusal, refusalOf } from "./push-refusal.ts";
import { confirmedFor } from "./received.ts";
import { noteShown, takeShown } from "./shown-note.ts";

export async function judgePush(host: Host, push: Push): Promise<ExitCode> {
  const { hook, home } = push;
  const pushed = { ...push.update, env: hook.env };
  // Of an earlier push of the same commit, which something else refused.
  await takeShown(home, pushed);
  let opened: PushOpened | undefined;
  try {
    opened = await openPush(host, push);
    if (opened.outcome === "invalid") return opened.exitCode;
    const judged = await planPush(host, push, opened);
    if (judged.code === EXIT.ok && judged.shown !== undefined) await noteShown(home, pushed, shownDigest(judged.shown));
    return judged.code;
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    return await withoutPlan(host, push, { opened, error });
  }
}

type Opened = Extract<PushOpened, { readonly outcome: "opened" }>;

interface Judged {
  readonly code: ExitCode;
  /** A plan with changes that was shown, and may be applied. */
  readonly shown?: Plan;
}

async function planPush(host: Host, push: Push, { tick: options, base }: Opened): Promise<Judged> {
  const { hook, words } = push;
  const server = await openRedis(host, redisOf(hook));
  const looking = { ...server, redis: makeReadOnly(server.redis) };
  const { writer, close } = openReader(host, looking, hook.env);
  const planned: { plan?: Plan; commit: CommitInfo | null } = { commit: null };
  try {
    const outcome = await tick({
      ...options,
      writer,
      confirmation: new PruneConfirmation(confirmedFor(words, hook.env)),
      onPlan: (plan, commit) => Object.assign(planned, { plan, commit }),
      dryRun: true,
      signal: host.signal,
    });
    if (outcome.outcome === "held") await noteHeld(host, push, outcome);
    return await show(host, push, { outcome, commit: planned.commit, base: base() });
  } finally {
    await close();
    await server.close();
  }
}

/** So that `countwheel resume` can accept it, whoever pushes it again. */
async function noteHeld(
  host: Host,
  { hook }: Push,
  { hold }: Extract<TickOutcome, { outcome: "held" }>,
): Promise<void> {
  const found = hold.why === "history" ? rewrittenBranch(hold) : undefined;
  if (found === undefined) return;
  const { redis, close } = await openRedis(host, redisOf(hook));
  try {
    await noteHeldHistory(redis, hook.env, { ...found, since: host.now().toISOString() });
  } finally {
    await close();
  }
}

interface Told {
  readonly outcome: TickOutcome;
  readonly commit: CommitInfo | null;
  readonly base: string | null;
}

/** Quiet where nothing would change. */
async function show(host: Host, push: Push, { outcome, commit, base }: Told): Promise<Judged> {
  if (outcome.outcome === "unavailable") throw new PermanentFailure(outcome.reason.code, outcome.reason.message);
  const { plan } = outcome;
  const refusal = refusalOf(outcome, push);
  if (refusal === undefined && plan.changes.length === 0) return { code: EXIT.ok };
  await printPlan(host, "text", { plan, commit, base, showFile: (file) => file });
  if (refusal !== undefined) return { code: tellRefusal(host, push, refusal) };
  say(host, `Let in: environment ${push.hook.env} gets this plan, and no other, as soon as the push is through.`);
  return { code: EXIT.ok, shown: plan };
}

function tellRefusal(host: Host, { hook }: Push, { code, message, exitCode, next }: Refusal): ExitCode {
  say(host, `Refused: environment ${hook.env} does not take this push.`);
  printFailure(host, "text", { code, message: oneLine(message), exitCode, details: {} });
  say(host, `Next: ${next}`);
  return exitCode;
}

function isUnavailable(error: unknown): boolean {
  return error instanceof PermanentFailure || error instanceof TransientFailure || error instanceof LeaseLost;
}

interface Failed {
  readonly opened: PushOpened | undefined;
  readonly error: unknown;
}

/** What cannot be planned stays out, unless the repository's owner has said otherwise; nothing of it is applied either way. */
async function withoutPlan(host: Host, push: Push, { opened, error }: Failed): Promise<ExitCode> {
  const { env, onUnavailable } = push.hook;
  const { code, message } = failureOf(error);
  say(host, `${code}: ${oneLine(message)}`);
  if (onUnavailable === "refuse") {
    say(host, `Refused: the push cannot be planned for environment ${env}. Nothing was changed.`);
    say(host, `Next: git push again once this is mended. The repository's owner may let such pushes in:`);
    say(
      host,
      `      git config countwheel.${env}.onUnavailable accept      (in the repository; nothing of them is applied)`,
    );
    return EXIT.failed;
  }
  const broken = opened?.outcome === "opened" && (await tellBroken(host, opened));
  if (broken) return EXIT.invalid;
  say(host, `Let in unplanned, as countwheel.${env}.onUnavailable says. Nothing is applied to environment ${env}.`);
  say(host, `Next: ${applyCommand(push)}`);
  return EXIT.ok;
}

/** Manifests are checked without a state, too. */
async function tellBroken(host: Host, { source }: Opened): Promise<boolean> {
  const answer = await source.read(host.signal);
  if (answer.status !== "invalid") return false;
  for (const problem of answer.problems)
    say(
      host,
      renderProblem(problem, (_style, text) => text),
    );
  say(host, "Refused: manifests are invalid. Next: mend the problems above, then git push again");
  return true;
}
