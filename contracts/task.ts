// A task at run time: its phases, its activations, and the record that `get task` shows.
import type { CarriedLabel } from "../policies/request.ts";
import type { Identity } from "./approval.ts";
import type { FailureRecord } from "./failure.ts";
import type { Requirements } from "./matching.ts";

export const TASK_PHASES = [
  "Pending",
  "Running",
  "WaitingApproval",
  "Unknown",
  "Succeeded",
  "Failed",
  "DeadLetter",
  "Cancelled",
] as const;
export type TaskPhase = (typeof TASK_PHASES)[number];

const ENDED: readonly TaskPhase[] = ["Succeeded", "Failed", "DeadLetter", "Cancelled"];

/** Ended tasks do not move any more. `Unknown` and `WaitingApproval` wait for a person. */
export function hasEnded(phase: TaskPhase): boolean {
  return ENDED.includes(phase);
}

/**
 * Runnable: may be claimed once `runnableAt` has passed · Leased: a holder works on it · Waiting: for an approval ·
 * Unknown: for a person's word on a write · Done, Failed, Cancelled: ended.
 */
export const ACTIVATION_PHASES = ["Runnable", "Leased", "Waiting", "Unknown", "Done", "Failed", "Cancelled"] as const;
export type ActivationPhase = (typeof ACTIVATION_PHASES)[number];

/** Which task: environment, namespace and name. Names follow contracts/address.ts. */
export interface TaskRef {
  readonly env: string;
  readonly namespace: string;
  readonly name: string;
}

/** `<agent>#<visit>`, the visit counted from 1 within the task. */
export type ActivationId = string;

export function activationId(agent: string, visit: number): ActivationId {
  return `${agent}#${visit}`;
}

/** What a message carries from one agent to the next. */
export interface Message {
  /** `task/a001/h002/from/to`: the same message always has the same id. */
  readonly id: string;
  readonly from: string;
  readonly text: string;
  /** Of all that its sender has read. Absent: none. */
  readonly labels?: readonly CarriedLabel[];
}

export interface ActivationRecord {
  readonly id: ActivationId;
  readonly agent: string;
  readonly phase: ActivationPhase;
  /** The runner that holds or last held it; null before the first claim. */
  readonly holder: string | null;
  /** The fencing number: grows with every grant. 0 before the first claim. */
  readonly epoch: number;
  /** Grants so far; a takeover counts. */
  readonly attempts: number;
  /** What woke it: the outputs of the agents before it; empty for an entry. */
  readonly messages: readonly Message[];
}

/** Where the request to run came from: an applied manifest, or a person. */
export interface TaskSource {
  readonly commit: string | null;
  readonly file: string;
  readonly line: number;
}

/** What made the task where no person and no Task manifest did: a slot of a schedule, a delivery to a webhook. */
export type TaskTrigger =
  | { readonly kind: "schedule"; readonly address: string; readonly slot: string }
  | { readonly kind: "webhook"; readonly address: string; readonly event: string };

export interface TaskTokens {
  readonly input: number;
  readonly output: number;
}

/** Reserved: by calls under way, and by those whose answer was lost with its runner. */
export interface TaskBudget {
  readonly reservedTokens: number;
  readonly reservedUsd: number;
  /** Calls of models and tools that began. */
  readonly steps: number;
  /** Tool → its calls that began. */
  readonly calls: Readonly<Record<string, number>>;
}

/** CONTRACT: `get task NAME -o json`. */
export interface TaskRecord {
  readonly name: string;
  readonly namespace: string;
  readonly system: string;
  readonly phase: TaskPhase;
  readonly attempts: number;
  readonly input: Readonly<Record<string, string>>;
  readonly priority: "low" | "normal" | "high";
  readonly requirements: Requirements;
  /** `last_output` is the last agent's text; one more entry for each agent that finished. */
  readonly output: Readonly<Record<string, string>> | null;
  readonly tokens: TaskTokens;
  /** null: at least one price is unknown. Never zero for unknown. */
  readonly costUsd: number | null;
  /** What its policies limit, beside tokens and cost. */
  readonly budget: TaskBudget;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly lastError?: FailureRecord;
  readonly source?: TaskSource;
  readonly trigger?: TaskTrigger;
  /** Who asked for it, where a person did and is known. */
  readonly requestedBy?: Identity;
  /** Digest of the definitions that the task runs with. */
  readonly snapshot: string;
  /** Digest of the plan whose apply made the task; null for one made by hand. */
  readonly plan: string | null;
  /** Set once what was said in it is erased. `left` names what is left of its events. */
  readonly erased?: { readonly at: string; readonly left: string };
  /** Trace length and head hash. */
  readonly trace: { readonly seq: number; readonly head: string };
  readonly activations: readonly ActivationRecord[];
}
