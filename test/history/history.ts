// What is known of a run after it ended: records and traces, the effects that the fakes saw, the words of people. Made by
// the simulator and by the chaos tests, judged by the invariants.
import type { StepRecord, ToolEffect } from "../../contracts/step.ts";
import type { TaskPhase, TaskRecord } from "../../contracts/task.ts";
import type { ChainHead, TraceEvent } from "../../contracts/trace.ts";
import type { Ledger } from "../../store/ledger.ts";

export interface TaskHistory {
  /** `<namespace>/<name>`. */
  readonly id: string;
  readonly record: TaskRecord;
  readonly events: readonly TraceEvent[];
  readonly steps: readonly StepRecord[];
  readonly ledger: Omit<Ledger, "reservedMicroUsd" | "steps" | "calls">;
  /** As they were seen, oldest first; whoever looks now and then misses some. */
  readonly phases: readonly TaskPhase[];
  /** How often a person let it go on, or begin anew, after it had failed. Absent: never. */
  readonly retries?: number;
  /** Ends of the chain that somebody was told of. */
  readonly heads: readonly ChainHead[];
  /** Tokens that the policies allow; null: any number. */
  readonly ceiling: number | null;
  /** Codes of the errors with which it may end; any other end than Succeeded is a loss. */
  readonly mayEndWith: readonly string[];
}

/** A tool call that reached its server. */
export interface SeenCall {
  readonly idempotencyKey: string;
  readonly argumentsDigest: string;
  /** The chain's end when the server saw it, where somebody could look. */
  readonly seq?: number;
}

/** A model call that was carried out, with what the provider will bill. */
export interface SeenTurn {
  readonly task: string;
  readonly tokens: number;
}

/** A person said that a write which may have happened shall be made again. */
export interface PersonsWord {
  readonly task: string;
  readonly activation: string;
  readonly step: string;
}

export interface History {
  readonly tasks: readonly TaskHistory[];
  readonly calls: readonly SeenCall[];
  readonly turns: readonly SeenTurn[];
  readonly retriesByPerson: readonly PersonsWord[];
  /** Tools whose every call a person is asked about. Absent: none. */
  readonly asks?: readonly string[];
  /** A person is asked about turns. */
  readonly asksTurns?: boolean;
  /** What all tasks may spend together, and what of it is counted as spent or reserved. Absent or null: no such limit. */
  readonly shared?: SharedLedger | null;
  readonly canaries: readonly string[];
  /** Everything that was written or sent somewhere: traces, records, logs. */
  readonly sinks: Readonly<Record<string, string>>;
  /** Processes, ports, keys, folders that nobody needs any more. */
  readonly leftovers: readonly string[];
}

export interface SharedLedger {
  readonly limits: { readonly tokens: number; readonly steps: number };
  readonly tokens: number;
  readonly steps: number;
}

/** One line for each breach; none: the invariant holds. */
export type Invariant = (history: History) => readonly string[];

/** A call that a trace tells of. */
export interface ToldCall {
  readonly task: string;
  readonly activation: string;
  readonly step: string;
  readonly tool: string;
  readonly effect: ToolEffect;
  readonly idempotencyKey: string;
  readonly argumentsDigest: string;
  readonly decisionId: string;
  readonly seq: number;
}

export function toldCalls({ id, events }: TaskHistory): readonly ToldCall[] {
  return events
    .filter(({ type }) => type === "tool.called")
    .map((event) => ({
      task: id,
      activation: event.activation ?? "",
      step: event.step ?? "",
      tool: String(event["tool"]),
      effect: event["effect"] as ToolEffect,
      idempotencyKey: String(event["idempotencyKey"]),
      argumentsDigest: String(event["argumentsDigest"]),
      decisionId: String(event["decisionId"]),
      seq: event.seq,
    }));
}
