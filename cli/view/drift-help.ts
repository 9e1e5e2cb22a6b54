// What every code of a drift means, and what to do: the text of `explain CODE`.
import type { DriftCode } from "../../contracts/drift.ts";

export const DRIFT_HELP: Readonly<Record<DriftCode, string>> = {
  RECORD_CHANGED: "Somebody changed the record in the state; Git and the last apply say otherwise.",
  RECORD_ADDED: "No apply wrote this record.",
  RECORD_REMOVED: "The last apply left this record in the state, and it is gone.",
  RECORD_UNDECLARED: "The state holds this record, and no manifest declares it.",
  TOOL_DRIFTED: "The tool's definition is not the one that was pinned.",
  TOOL_GONE: "The MCP server offers no tool of this name any more, and it is pinned.",
  SECRET_ABSENT: "A Secret that something refers to is declared by no record, or a runner has no value for it.",
  ENDPOINT_UNRESOLVED: "The host of an endpoint has no address.",
  SCHEDULE_MISSING:
    "The schedule's scheduler in BullMQ, or what the reconciler remembers of it, is gone. Without the scheduler its tasks come up to five seconds late; without the memory none come. A reconciler that takes the lead, and `drift.self_heal: [TaskSchedule]`, put both back.",
  SCHEDULE_DIFFERS:
    "The schedule's scheduler in BullMQ rings at other times than the manifest says, or the reconciler remembers an older manifest. Put back like SCHEDULE_MISSING.",
};
