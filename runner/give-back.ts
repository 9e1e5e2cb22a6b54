// Gives an activation back: writes what it came to, anew where other branches moved the task in the meantime.
import { setTimeout as wait } from "node:timers/promises";
import { failureRecord, TransientFailure } from "../contracts/failure.ts";
import type { Graph, GraphState } from "../contracts/graph.ts";
import { taskId } from "../contracts/new-task.ts";
import type { ChainHead } from "../contracts/trace.ts";
import type { TraceRecord } from "../store/chain.ts";
import type { Ledger } from "../store/ledger.ts";
import { type Released, releaseActivation, type StartedActivation } from "../store/scripts/release.ts";
import type { Claimed, Held } from "./held.ts";
import { RUNNER_LIMITS } from "./limits.ts";
import { type Outcome, type Writing, writingOf } from "./outcome.ts";

const RETRY_MS = 50;
/** No task's chain ever ended here: a release behind it writes nothing and is told where the task is. */
const NOWHERE: ChainHead = { seq: 0, head: "" };
const NO_GRAPH: Graph = { agents: [], edges: [], joins: {} };

export type GivenBack =
  /** It has ended, or waits for a person. */
  | { readonly outcome: "ended" }
  /** The bell is to ring again after `inMs`. */
  | { readonly outcome: "again"; readonly inMs: number }
  /** This runner holds what it started, too, since `sentAtMs` on the clock of `performance.now()`. */
  | {
      readonly outcome: "goes-on";
      readonly activation: string;
      readonly claim: Claimed;
      readonly sentAtMs: number;
    };

/** A release on its way, and what came of it; undefined: the lease ended before Redis could be reached. */
export interface Sent {
  readonly writing: Writing;
  readonly released: Released | undefined;
  /** On the clock of `performance.now()`. */
  readonly sentAtMs: number;
}

/** `first`: what came of a release that was sent already. */
export async function giveBack(
  held: Held,
  outcome: Outcome,
  graph: Graph | undefined,
  mayGoOn: () => boolean,
  first?: Sent,
): Promise<GivenBack> {
  const { leaseMs } = held.parts;
  // Whoever has it now rings for itself; should nobody, the bell rings again after a lease.
  if (outcome.kind === "lost") return { outcome: "again", inMs: leaseMs };
  let state = held.claim.task.graph;
  let sent = first;
  for (let tries = 0; tries < RUNNER_LIMITS.appendTries; tries += 1) {
    sent ??= await sendRelease(held, writingAt(held, outcome, graph, state), mayGoOn());
    const { released, writing, sentAtMs } = sent;
    switch (released?.outcome) {
      case "released":
        return afterRelease(held, writing, released, sentAtMs);
      case "moved":
        await held.journal.settleDoubt();
        held.journal.moveTo(released.head, released.ledger);
        state = released.graph;
        sent = undefined;
        continue;
      case "lease-lost":
      case undefined:
        return { outcome: "again", inMs: leaseMs };
    }
  }
  return { outcome: "again", inMs: leaseMs };
}

function afterRelease(
  { claim }: Held,
  writing: Writing,
  { head, goOn, atOnce }: Extract<Released, { outcome: "released" }>,
  sentAtMs: number,
): GivenBack {
  const { runnableInMs, start } = writing;
  const [first] = start;
  if (first !== undefined && goOn !== undefined) {
    const { ledger, cancelRequested, cancelledBy } = goOn;
    const next = { ...claimOfNext(claim, writing, first, { head, ledger }), cancelRequested, cancelledBy };
    return { outcome: "goes-on", activation: first.id, claim: next, sentAtMs };
  }
  if (atOnce) return { outcome: "again", inMs: 0 };
  return runnableInMs === undefined ? { outcome: "ended" } : { outcome: "again", inMs: runnableInMs };
}

/** What a runner has in hand that goes on with what it started, behind `head`. */
export function claimOfNext(
  claim: Claimed,
  { graph }: Writing,
  { messages }: StartedActivation,
  { head, ledger }: { readonly head: ChainHead; readonly ledger: Ledger },
): Claimed {
  const grant = { outcome: "claimed", epoch: 1, attempt: 1, ranMs: 0, takenOverFrom: null } as const;
  const task = { ...claim.task, graph, ledger };
  return { task, messages, steps: [], head, cancelRequested: false, cancelledBy: null, ...grant };
}

export type Written = Exclude<Outcome, { kind: "lost" }>;

/** A graph that cannot be read, or a condition that cannot be decided, fails the task: nobody knows what comes next. */
export function writingAt(held: Held, outcome: Written, graph: Graph | undefined, state: GraphState): Writing {
  const { parts, task, activation, agent, visit, claim } = held;
  const rules = { task: taskId(task), maxTurns: claim.task.maxTurns, at: parts.now().toISOString() };
  const ending = { graph: graph ?? NO_GRAPH, state, activation, agent, visit, rules };
  const final = graph === undefined && outcome.kind === "failed" ? { ...outcome, final: true } : outcome;
  try {
    return writingOf(final, ending);
  } catch (error) {
    return writingOf({ kind: "failed", error: failureRecord(error), phase: "Failed", final: true }, ending);
  }
}

async function sendRelease(held: Held, writing: Writing, goesOn: boolean): Promise<Sent> {
  const { journal } = held;
  // A graph that was computed from an old one must not be written, though the chain's end is known.
  const record = journal.chain(writing.drafts, journal.wasMoved() ? NOWHERE : journal.head());
  return release(held, writing, record, { goesOn });
}

/** `next`: what is to be written first of what this runner goes on with. */
export async function release(
  { parts, task, activation, claim, lease }: Held,
  writing: Writing,
  record: TraceRecord,
  { goesOn, next }: { readonly goesOn: boolean; readonly next?: TraceRecord | undefined },
): Promise<Sent> {
  const { drafts: _, ...rest } = writing;
  const grant = goesOn ? { goOnMs: parts.leaseMs } : {};
  const following = next === undefined ? {} : { next };
  const request = {
    task,
    activation,
    holder: parts.id,
    epoch: claim.epoch,
    ...grant,
    ...following,
    ...record,
    ...rest,
  };
  const sentAtMs = performance.now();
  while (lease.holds()) {
    try {
      return { writing, sentAtMs, released: await releaseActivation(parts.redis, parts.queue, request) };
    } catch (error) {
      if (!(error instanceof TransientFailure)) throw error;
      await wait(RETRY_MS);
    }
  }
  return { writing, sentAtMs, released: undefined };
}
