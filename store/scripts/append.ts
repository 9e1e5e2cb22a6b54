// Appends to a task's trace under a lease: events, step, ledger and chain head change together or not at all.
import type { StepRecord } from "../../contracts/step.ts";
import type { ActivationId, TaskRef } from "../../contracts/task.ts";
import type { ChainHead, TraceEvent } from "../../contracts/trace.ts";
import type { Redis } from "../connect.ts";
import type { Charge, Ledger } from "../ledger.ts";

export interface AppendRequest {
  readonly task: TaskRef;
  readonly activation: ActivationId;
  readonly holder: string;
  readonly epoch: number;
  /** The head that `events` were chained behind. */
  readonly after: ChainHead;
  readonly events: readonly TraceEvent[];
  readonly step?: StepRecord;
  readonly charge?: Charge;
}

export type Appended =
  | { readonly outcome: "appended"; readonly head: ChainHead; readonly ledger: Ledger }
  /** Another activation of the task appended: chain behind `head` and try again. */
  | { readonly outcome: "moved"; readonly head: ChainHead; readonly ledger: Ledger }
  | { readonly outcome: "lease-lost" }
  | { readonly outcome: "over-budget"; readonly ledger: Ledger };

export async function appendEvents(redis: Redis, request: AppendRequest): Promise<Appended> {
  throw new Error(`${redis.status} ${request.activation}`);
}
