// Trace events on their way into a script and back: the arguments that carry them, and the head that they end at.
import { taskId } from "../contracts/new-task.ts";
import type { StepRecord } from "../contracts/step.ts";
import type { TaskRef } from "../contracts/task.ts";
import type { ChainedEvent, ChainHead, TraceEvent } from "../contracts/trace.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { taskKeys } from "./keys.ts";
import { type Charge, chargeArguments } from "./ledger.ts";
import { corrupt, jsonOf, numberOf, objectOf, textOf } from "./reply.ts";

/** A chain with a gap would be refused by Redis in the middle of a script: it is a bug, and it stops here. */
export function checkLinks(after: ChainHead, events: readonly ChainedEvent[]): void {
  let { seq, head } = after;
  for (const event of events) {
    if (event.seq !== seq + 1 || event.prev !== head) throw new TypeError(`event ${event.seq} does not follow ${seq}`);
    ({ seq, hash: head } = event);
  }
}

/** What is written in one piece: events behind a head, and the steps and charges that change with them. */
export interface TraceRecord {
  /** The head that `events` were chained behind. */
  readonly after: ChainHead;
  readonly events: readonly ChainedEvent[];
  readonly steps?: readonly StepRecord[];
  /** In this order. A charge belongs to an event: only with one is a repeated command recognised, and charged once. */
  readonly charges?: readonly Charge[];
}

/** Where the chain ends once it is written. */
export function headOf({ after, events }: TraceRecord): ChainHead {
  const last = events.at(-1);
  return last === undefined ? after : { seq: last.seq, head: last.hash };
}

/** The form in which scripts take a record (see RECORD in scripts/lua.ts). */
export function recordArguments({ after, events, steps = [], charges = [] }: TraceRecord): (string | number)[] {
  checkLinks(after, events);
  const last = events.at(-1);
  return [
    after.seq,
    after.head,
    last?.seq ?? 0,
    last?.hash ?? "",
    eventLines(events),
    steps.length,
    charges.length,
    ...steps.flatMap((step) => [step.step, JSON.stringify(step)]),
    ...charges.flatMap(chargeArguments),
  ];
}

/** One entry of the journal: a canonical text holds no line break. */
export function eventLines(events: readonly ChainedEvent[]): string {
  return events.map(({ text }) => text).join("\n");
}

export function readChainHead(what: string, seq: unknown, head: unknown): ChainHead {
  return { seq: numberOf(what, seq), head: textOf(what, head) };
}

/** Where the task's chain ends now. Throws STATE_CORRUPT where there is no such task. */
export async function readHead(redis: Redis, task: TaskRef): Promise<ChainHead> {
  const [seq, head] = await ask(redis, () => redis.hmget(taskKeys(task).task, "seq", "head"));
  return readChainHead(`the task ${taskId(task)}`, seq, head);
}

/** One entry of the journal. Earlier versions wrote one for each event. */
export function readEvents(what: string, lines: unknown): TraceEvent[] {
  return textOf(what, lines)
    .split("\n")
    .map((text) => readEvent(what, text));
}

/** Whether the chain holds is for verifyChain to say; this only makes sure that it is an event. */
function readEvent(what: string, text: string): TraceEvent {
  const event = objectOf(what, jsonOf(what, text));
  if (!isTraceEvent(event)) throw corrupt(what, "it is no event");
  return event;
}

function isTraceEvent(event: Readonly<Record<string, unknown>>): event is TraceEvent {
  const texts = [event["at"], event["task"], event["type"], event["prev"], event["hash"]];
  return typeof event["seq"] === "number" && texts.every((field) => typeof field === "string");
}
