// One bell: claims the activation, works on it under its lease, and gives it back with what it came to.
import { taskId } from "../contracts/new-task.ts";
import type { ActivationJob } from "../store/queue.ts";
import { claimActivation } from "../store/scripts/claim.ts";
import { renewLease } from "../store/scripts/renew.ts";
import type { ActivationContext } from "../store/worker.ts";
import { attemptActivation } from "./attempt.ts";
import type { Definitions } from "./definitions.ts";
import { type GivenBack, giveBack } from "./give-back.ts";
import type { Claimed, Held, RunnerParts } from "./held.ts";
import { Lease, RunnerStopping } from "./lease.ts";
import { RUNNER_LIMITS } from "./limits.ts";
import { type Outcome, outcomeOfFailure } from "./outcome.ts";
import { STOP_LOOK_MS } from "./stops.ts";
import { ActivationJournal } from "./trace/activation-journal.ts";

export async function runActivation(parts: RunnerParts, job: ActivationJob, bell: ActivationContext): Promise<void> {
  const { redis, id, leaseMs } = parts;
  if (await parts.workshop.isStopped(job, bell.signal)) return bell.delay(STOP_LOOK_MS);
  // The deadline counts from before the claim was sent: the server's clock cannot have started earlier than that.
  const sentAtMs = performance.now();
  const claim = await claimActivation(redis, { ...job, holder: id, leaseMs });
  switch (claim.outcome) {
    case "held":
    case "later":
      return bell.delay(claim.remainingMs);
    case "ended":
      return parts.queue.ring(claim.open);
    case "missing":
      return;
    case "claimed":
      return await workOn(hold(parts, job, claim, sinceOf(claim, sentAtMs)), bell);
  }
}

/** And on with what it started, for as long as one bell may: the bell stands for all of it, should this runner die. */
async function workOn(first: Held, bell: ActivationContext): Promise<void> {
  const { parts } = first;
  const untilMs = first.since.sentAtMs + RUNNER_LIMITS.goOnMs;
  const mayGoOn = (): boolean => !parts.isStopping() && performance.now() < untilMs;
  for (let held: Held | undefined = first; held !== undefined; ) {
    const given: GivenBack = await work(held, bell, mayGoOn);
    if (given.outcome === "again") bell.delay(given.inMs);
    held =
      given.outcome === "goes-on"
        ? hold(parts, { task: held.task, activation: given.activation }, given.claim, {
            ...held.since,
            sentAtMs: given.sentAtMs,
            activationMs: given.sentAtMs,
          })
        : undefined;
  }
}

function sinceOf({ ranMs, task }: Claimed, sentAtMs: number): Held["since"] {
  const nowMs = performance.now();
  return { sentAtMs, madeByMs: nowMs - task.ageMs, taskMs: nowMs - task.ranMs, activationMs: nowMs - ranMs };
}

function hold(parts: RunnerParts, { task, activation }: ActivationJob, claim: Claimed, since: Held["since"]): Held {
  const { redis, id: holder, leaseMs } = parts;
  const { epoch, attempt, head } = claim;
  const grant = { task, activation, holder, epoch };
  const lease = new Lease({
    subject: `${taskId(task)} ${activation}`,
    leaseMs,
    sentAtMs: since.sentAtMs,
    renew: () => renewLease(redis, { ...grant, leaseMs }),
  });
  parts.holdings.add(task, lease);
  const journal = new ActivationJournal({ redis, ...grant, attempt, lease, head, ledger: claim.task.ledger });
  const at = activation.lastIndexOf("#");
  const [agent, visit] = [activation.slice(0, at), Number(activation.slice(at + 1))];
  return { parts, task, activation, agent, visit, claim, since, lease, journal };
}

async function work(held: Held, bell: ActivationContext, mayGoOn: () => boolean): Promise<GivenBack> {
  const { parts, claim, lease, task } = held;
  const stop = (): void => lease.abort(new RunnerStopping("the runner stops"));
  bell.signal.addEventListener("abort", stop, { once: true });
  if (bell.signal.aborted) stop();
  try {
    const definitions = parts.definitions.get(claim.task.snapshot);
    const outcome = await tryActivation(held, definitions);
    const graph = await definitions
      .then((found) => found.graph(task.namespace, claim.task.system))
      .catch(() => undefined);
    return await giveBack(held, outcome, graph, mayGoOn);
  } finally {
    bell.signal.removeEventListener("abort", stop);
    lease.stop();
    parts.holdings.remove(task, lease);
  }
}

/** Whatever was thrown: what the lease was aborted with comes first, for everything that fails afterwards follows from it. */
async function tryActivation(held: Held, definitions: Promise<Definitions>): Promise<Outcome> {
  const { lease, claim, parts } = held;
  const attempts = { attempt: claim.attempt, ...claim.task, random: parts.random() };
  try {
    const found = await definitions;
    // Where nobody could tell what comes next, nothing is begun.
    found.graph(held.task.namespace, claim.task.system);
    const outcome = await attemptActivation(held, found);
    lease.check();
    return outcome;
  } catch (error) {
    const outcome = outcomeOfFailure(lease.signal.aborted ? lease.signal.reason : error, attempts);
    if (outcome.kind === "failed" && outcome.error.code === "BUG") {
      parts.say(
        `BUG in ${taskId(held.task)} ${held.activation}: ${error instanceof Error ? error.stack : String(error)}`,
      );
    }
    return outcome;
  }
}
