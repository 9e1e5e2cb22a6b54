// One bell: claims the activation, works on it under its lease, and gives it back with what it came to.
import { LeaseLost } from "../contracts/failure.ts";
import type { Graph } from "../contracts/graph.ts";
import { taskId } from "../contracts/new-task.ts";
import { headOf } from "../store/chain.ts";
import type { ActivationJob } from "../store/queue.ts";
import { claimActivation } from "../store/scripts/claim.ts";
import { renewLease } from "../store/scripts/renew.ts";
import type { ActivationContext } from "../store/worker.ts";
import { attemptActivation } from "./attempt.ts";
import type { Definitions } from "./definitions.ts";
import { claimOfNext, type GivenBack, giveBack, release, type Sent, writingAt } from "./give-back.ts";
import { HandOver } from "./hand-over.ts";
import type { Claimed, Held, RunnerParts } from "./held.ts";
import { Cancelled, Lease, RunnerStopping } from "./lease.ts";
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
  for (let at: Following | undefined = { held: first }; at !== undefined; ) at = await work(at, bell, mayGoOn);
}

/** What is worked on, and after what: its end may not be written yet. */
interface Following {
  readonly held: Held;
  readonly after?: Ended & { readonly handOver: HandOver };
}

interface Ended {
  readonly held: Held;
  readonly outcome: Outcome;
  readonly graph: Graph | undefined;
}

function sinceOf({ ranMs, task }: Claimed, sentAtMs: number): Held["since"] {
  const nowMs = performance.now();
  return { sentAtMs, madeByMs: nowMs - task.ageMs, taskMs: nowMs - task.ranMs, activationMs: nowMs - ranMs };
}

function hold(
  parts: RunnerParts,
  { task, activation }: ActivationJob,
  claim: Claimed,
  since: Held["since"],
  ahead?: HandOver,
): Held {
  const { redis, id: holder, leaseMs } = parts;
  const { epoch, attempt, head } = claim;
  const grant = { task, activation, holder, epoch };
  const lease = new Lease({
    subject: `${taskId(task)} ${activation}`,
    leaseMs,
    sentAtMs: since.sentAtMs,
    renew: async () => {
      // Before it is granted there is nothing to renew.
      await ahead?.told;
      return renewLease(redis, { ...grant, leaseMs });
    },
  });
  parts.holdings.add(task, lease);
  const { ledger } = claim.task;
  const journal = new ActivationJournal({ redis, ...grant, attempt, lease, head, ledger, ahead });
  const at = activation.lastIndexOf("#");
  const [agent, visit] = [activation.slice(0, at), Number(activation.slice(at + 1))];
  return { parts, task, activation, agent, visit, claim, since, lease, journal };
}

function letGo({ parts, task, lease }: Held): void {
  lease.stop();
  parts.holdings.remove(task, lease);
}

/** Answers what comes next. */
async function work({ held, after }: Following, bell: ActivationContext, mayGoOn: () => boolean) {
  const done: Held[] = [held];
  try {
    const ended = await workUntilEnd(held, bell);
    // Of what follows from an end nothing is written before it.
    const stays = (await after?.handOver.settle())?.outcome === "stays";
    if (after !== undefined && stays) return await giveBackEnded(after, bell, mayGoOn, after.handOver.sent);
    const next = handOver(ended, mayGoOn);
    if (next === undefined) return await giveBackEnded(ended, bell, mayGoOn);
    done.pop();
    return next;
  } finally {
    if (after !== undefined) done.push(after.held);
    for (const one of done) letGo(one);
  }
}

async function giveBackEnded(
  { held, outcome, graph }: Ended,
  bell: ActivationContext,
  mayGoOn: () => boolean,
  sent?: Sent,
): Promise<Following | undefined> {
  const given: GivenBack = await giveBack(held, outcome, graph, mayGoOn, sent);
  if (given.outcome === "again") bell.delay(given.inMs);
  if (given.outcome !== "goes-on") return undefined;
  const { activation, claim, sentAtMs } = given;
  return { held: hold(held.parts, { task: held.task, activation }, claim, sinceNow(held, sentAtMs)) };
}

function sinceNow({ since }: Held, sentAtMs: number): Held["since"] {
  return { ...since, sentAtMs, activationMs: sentAtMs };
}

/**
 * Goes on with what an agent that is done has started, before its end is written: that is written with the first record
 * of what follows, or in a moment without it. undefined: there is nothing to go on with, or the graph may be another one.
 */
function handOver(ended: Ended, mayGoOn: () => boolean): Following | undefined {
  const { held, outcome, graph } = ended;
  const { journal, parts, task, claim } = held;
  if (outcome.kind !== "done" || graph === undefined || journal.wasMoved() || !mayGoOn()) return undefined;
  const writing = writingAt(held, outcome, graph, claim.task.graph);
  const [first] = writing.start;
  if (first === undefined) return undefined;
  const record = journal.chain(writing.drafts);
  const over = new HandOver((next) => release(held, writing, record, { goesOn: true, next }));
  const granted = claimOfNext(claim, writing, first, { head: headOf(record), ledger: journal.ledger() });
  const since = sinceNow(held, performance.now());
  const next = hold(parts, { task, activation: first.id }, granted, since, over);
  void over.told.then((sent) => hear(sent, held, next));
  return { held: next, after: { ...ended, handOver: over } };
}

/** What came of a hand-over: one of the two is not held any more. */
function hear(sent: Sent | undefined, former: Held, next: Held): void {
  const goOn = sent?.released?.outcome === "released" ? sent.released.goOn : undefined;
  if (goOn === undefined) return next.lease.abort(new LeaseLost(next.activation, `${next.activation} was not granted`));
  letGo(former);
  if (goOn.cancelRequested) next.lease.abort(new Cancelled(goOn.cancelledBy));
}

async function workUntilEnd(held: Held, bell: ActivationContext): Promise<Ended> {
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
    return { held, outcome, graph };
  } finally {
    bell.signal.removeEventListener("abort", stop);
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
