// How far a tool call has come, as its server tells while it is at work: a claim, for people to read, that nothing follows
// from. Pure.
import type { ActivationId } from "./task.ts";
import type { TraceEvent } from "./trace.ts";
import { wholeNumber } from "./whole-number.ts";

export interface ToolProgress {
  /** In a unit that the server knows. */
  readonly done: number;
  /** Absent: nobody knows how much there is. */
  readonly total?: number;
  readonly message?: string;
}

/** A call that is at work, or whose runner is lost, with what was recorded last. */
export interface CallProgress extends ToolProgress {
  readonly activation: ActivationId;
  readonly agent: string;
  readonly step: string;
  readonly tool: string;
  readonly at: string;
}

/** Of the calls that are under way, by the last events of a trace. An agent makes one call at a time. */
export function progressIn(events: readonly TraceEvent[]): readonly CallProgress[] {
  const last = new Map<string, TraceEvent>();
  for (const event of events) if (event.activation !== undefined) last.set(event.activation, event);
  return [...last.values()].flatMap((event) => {
    const progress = event.type === "tool.progress" ? progressOf(event) : undefined;
    if (progress === undefined) return [];
    const { activation = "", agent = "", step = "", tool, at } = event;
    return [{ activation, agent, step, tool: String(tool), at, ...progress }];
  });
}

/** As an event holds it: its own, or the last one of a call that ended. */
export function progressOf(event: Readonly<Record<string, unknown>>): ToolProgress | undefined {
  const { progress } = event;
  if (typeof progress !== "object" || progress === null) return undefined;
  const { done, total, message }: { readonly [K in keyof ToolProgress]?: unknown } = progress;
  if (typeof done !== "number") return undefined;
  return {
    done,
    ...(typeof total === "number" ? { total } : {}),
    ...(typeof message === "string" ? { message } : {}),
  };
}

/** `40/100 indexing`. The message is as the server wrote it: make it harmless where it is shown. */
export function progressText({ done, total, message }: ToolProgress): string {
  const amount = total === undefined ? numberText(done) : `${numberText(done)}/${numberText(total)}`;
  return message === undefined ? amount : `${amount} ${message}`;
}

function numberText(value: number): string {
  return Number.isInteger(value) ? wholeNumber(value) : String(Number(value.toPrecision(4)));
}
