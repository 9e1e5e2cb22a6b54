// The trace: its events, the hash chain over them, and its verification. Pure; the store appends, runners make events.
import { digestErased, isErased } from "./audit/erasure.ts";
import { canonicalJson, canonicalMerged, digestText } from "./canonical.ts";

export const TRACE_EVENT_TYPES = [
  "task.created",
  "task.claimed",
  "task.taken_over",
  "agent.started",
  "turn.decided",
  "model.called",
  "model.answered",
  "model.failed",
  "tool.decided",
  "tool.called",
  "tool.progress",
  "tool.elicited",
  "tool.answered",
  "tool.failed",
  "tool.denied",
  "approval.requested",
  "approval.decided",
  "join.waiting",
  "join.opened",
  "budget.exceeded",
  "lease.lost",
  "retry.scheduled",
  "agent.finished",
  "agent.failed",
  "task.succeeded",
  "task.failed",
  "task.dead_lettered",
  "task.cancelled",
] as const;
export type TraceEventType = (typeof TRACE_EVENT_TYPES)[number];

/** An event before it has its place in the chain. `data` is redacted already: what is written is never cleaned again. */
export interface TraceDraft {
  readonly type: TraceEventType;
  readonly at: string;
  readonly activation?: string;
  readonly agent?: string;
  readonly epoch?: number;
  readonly attempt?: number;
  readonly turn?: number;
  readonly step?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** CONTRACT: the draft's fields with `data` spread out, plus its place in the chain. `seq` counts from 1 without gaps. */
export interface TraceEvent {
  readonly seq: number;
  readonly at: string;
  readonly task: string;
  readonly type: TraceEventType;
  readonly activation?: string;
  readonly agent?: string;
  readonly epoch?: number;
  readonly attempt?: number;
  readonly turn?: number;
  readonly step?: string;
  readonly prev: string;
  readonly hash: string;
  readonly [field: string]: unknown;
}

/** The `prev` of the first event of a task: binds the chain to the task, so that chains cannot be exchanged. */
export function chainStart(task: string): string {
  return digestText(`countwheel trace 1\n${task}`);
}

export interface ChainHead {
  readonly seq: number;
  readonly head: string;
}

/** An event that has its place, as the text that is stored: the canonical one, which was hashed, and the hash behind it. */
export interface ChainedEvent {
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
  readonly text: string;
}

const NO_FIELDS = {};

/** Under which grant somebody writes: events of its activation, and those of none, tell so. */
export interface Stamp {
  readonly activation: string;
  readonly epoch: number;
  readonly attempt: number;
}

/** Puts drafts behind `after`, in order. `task` is `<namespace>/<name>`. */
export function chainEvents(
  task: string,
  after: ChainHead,
  drafts: readonly TraceDraft[],
  stamp?: Stamp,
): ChainedEvent[] {
  let { seq, head } = after;
  return drafts.map((draft) => {
    seq += 1;
    const prev = head;
    const { type, at, activation, agent, turn, step, data } = draft;
    const held = activation === undefined || activation === stamp?.activation ? stamp : undefined;
    const { epoch = held?.epoch, attempt = held?.attempt } = draft;
    const own = { type, at, activation, agent, epoch, attempt, turn, step, task, seq, prev };
    const body = canonicalMerged(data ?? NO_FIELDS, own);
    head = digestText(body);
    return { seq, prev, hash: head, text: `${body.slice(0, -1)},"hash":"${head}"}` };
  });
}

export type ChainVerdict =
  /** `erased`: how many of them lost what was said in them; of these only the place in the chain is shown. */
  | { readonly outcome: "intact"; readonly events: number; readonly head: string; readonly erased?: number }
  | { readonly outcome: "broken"; readonly seq: number; readonly reason: "gap" | "altered" | "unlinked" | "cut" };

/**
 * Checks every hash, link and number. `expected`, where known (the task's record, a check run), also finds a cut tail.
 * `left` names what is left of events that were erased; without it none may be.
 * `seq` in a broken verdict is the first event that cannot be believed.
 */
export function verifyChain(
  task: string,
  events: readonly TraceEvent[],
  expected?: ChainHead,
  left?: string,
): ChainVerdict {
  const erased = events.filter(isErased);
  const isTold = erased.length > 0 && digestErased(erased) === left;
  let head = chainStart(task);
  for (const [index, event] of events.entries()) {
    const seq = index + 1;
    if (event.seq !== seq) return { outcome: "broken", seq, reason: "gap" };
    if (event.prev !== head || event.task !== task) return { outcome: "broken", seq, reason: "unlinked" };
    const { hash, ...body } = event;
    const isHeld = isErased(event) ? isTold : digestText(canonicalJson(body)) === hash;
    if (!isHeld) return { outcome: "broken", seq, reason: "altered" };
    head = hash;
  }
  if (expected !== undefined && (expected.seq !== events.length || expected.head !== head)) {
    return { outcome: "broken", seq: Math.min(expected.seq, events.length) + 1, reason: "cut" };
  }
  return { outcome: "intact", events: events.length, head, ...(isTold ? { erased: erased.length } : {}) };
}
