// Behind a push that was let in: applies the plan that the pusher was shown, and no other, and tells of the tasks that it
// started for a while. What it comes to cannot fail the push any more, so every ending names the command that goes on.
import { renderDuration } from "../../contracts/duration.ts";
import { PruneConfirmation } from "../../reconciler/holds/confirm.ts";
import { oneLine } from "../../reconciler/plan/inert.ts";
import { shownDigest } from "../../reconciler/plan/shown-plan.ts";
import { type TickOutcome, tickUntilDone } from "../../reconciler/tick.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host } from "../host.ts";
import { localIdentity } from "../identity.ts";
import { failureOf, say } from "../output.ts";
import { type OpenRedis, openRedis } from "../redis.ts";
import { openWriter } from "../writer.ts";
import { followTasks } from "./follow-tasks.ts";
import { openPush, type Push, redisOf } from "./open-push.ts";
import { applyCommand, refusalOf } from "./push-refusal.ts";
import { confirmedFor } from "./received.ts";
import { takeShown } from "./shown-note.ts";

/** `host.signal` says that the pusher has gone: it ends the following of tasks, never the apply. */
export async function applyPush(host: Host, push: Push): Promise<ExitCode> {
  const shown = await takeShown(push.home, { ...push.update, env: push.hook.env });
  if (shown === undefined) return EXIT.ok;
  try {
    return await applyShown(host, push, shown);
  } catch (error) {
    const { code, message, exitCode } = failureOf(error);
    say(host, `${code}: ${oneLine(message)}`);
    return notApplied(host, push, exitCode);
  }
}

async function applyShown(host: Host, push: Push, shown: string): Promise<ExitCode> {
  const lasting = { ...host, signal: new AbortController().signal };
  const opened = await openPush(lasting, push);
  if (opened.outcome === "invalid") return notApplied(host, push, opened.exitCode);
  const server = await openRedis(lasting, redisOf(push.hook));
  const { writer, close } = openWriter(lasting, server, push.hook.env);
  try {
    const look = (): Promise<TickOutcome> =>
      tickUntilDone({
        ...opened.tick,
        writer,
        confirmation: new PruneConfirmation(confirmedFor(push.words, push.hook.env)),
        wasShown: (plan) => shownDigest(plan) === shown,
        onPlan: () => undefined,
        signal: lasting.signal,
        person: pusher(),
      });
    return await tell(host, push, { outcome: await lookAgain(host, look), server });
  } finally {
    await close();
    await server.close();
  }
}

const LOOKS = 3;

/** The key that a pusher stops with reaches the git that reads for us as well: what it cut off is read again. */
async function lookAgain(host: Host, look: () => Promise<TickOutcome>): Promise<TickOutcome> {
  for (let looks = 1; ; looks += 1) {
    const outcome = await look();
    const wasCut = outcome.outcome === "unavailable" && host.signal.aborted;
    if (!wasCut || looks === LOOKS) return outcome;
  }
}

/** The user of this machine whose push it was, as far as the machine can tell: a shared account is one user. */
function pusher(): string {
  return `${localIdentity().name} (by hook)`;
}

interface Ended {
  readonly outcome: TickOutcome;
  readonly server: OpenRedis;
}

async function tell(host: Host, push: Push, { outcome, server }: Ended): Promise<ExitCode> {
  const { env, followMs } = push.hook;
  switch (outcome.outcome) {
    case "applied": {
      const { serial, tookMs, tasks } = outcome;
      say(host, `Applied to environment ${env} as #${serial}, ${renderDuration(tookMs)}.`);
      await followTasks(host, server.redis, { env, tasks, followMs });
      return EXIT.ok;
    }
    case "unchanged":
    case "would-apply":
      return EXIT.ok;
    case "unavailable":
      say(host, `${outcome.reason.code}: ${oneLine(outcome.reason.message)}`);
      return notApplied(host, push, EXIT.failed);
    case "invalid":
    case "held": {
      const refusal = refusalOf(outcome, push);
      if (refusal !== undefined) say(host, `${refusal.code}: ${oneLine(refusal.message)}`);
      return notApplied(host, push, refusal?.exitCode ?? EXIT.blocked);
    }
    case "overtaken":
      say(host, "PLAN_STALE: another writer was faster, and the plan that was shown no longer fits");
      return notApplied(host, push, EXIT.stale);
    case "locked":
      say(host, `LOCKED: ${oneLine(outcome.holder)} is applying, and did not end in time`);
      return notApplied(host, push, EXIT.failed);
  }
}

/** The branch has the commit, the environment does not. */
function notApplied(host: Host, push: Push, code: ExitCode): ExitCode {
  say(host, `The commit is in the branch, and not applied to environment ${push.hook.env}.`);
  say(host, `Next: ${applyCommand(push)}`);
  return code;
}
