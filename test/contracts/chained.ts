// Chained events as whoever reads the trace gets them.
import {
  type ChainedEvent,
  type ChainHead,
  chainEvents,
  type TraceDraft,
  type TraceEvent,
} from "../../contracts/trace.ts";

export function chainedEvents(task: string, after: ChainHead, drafts: readonly TraceDraft[]): TraceEvent[] {
  return readChained(chainEvents(task, after, drafts));
}

export function readChained(events: readonly ChainedEvent[]): TraceEvent[] {
  return events.map(({ text }) => JSON.parse(text) as TraceEvent);
}
