// Claims an activation: grants its lease under a new epoch, or says why not.
import type { GraphState } from "../../contracts/graph.ts";
import type { StepRecord } from "../../contracts/step.ts";
import type { ActivationId, Message, TaskRef } from "../../contracts/task.ts";
import type { ChainHead } from "../../contracts/trace.ts";
import type { Redis } from "../connect.ts";
import type { Ledger } from "../ledger.ts";
import type { Priority } from "../queue.ts";

export interface ClaimRequest {
  readonly task: TaskRef;
  readonly activation: ActivationId;
  readonly holder: string;
  readonly leaseMs: number;
}

export interface ClaimedTask {
  readonly system: string;
  readonly manifest: string | null;
  readonly input: Readonly<Record<string, string>>;
  readonly graph: GraphState;
  readonly snapshot: string;
  readonly maxAttempts: number;
  readonly retryBackoffMs: number;
  readonly maxTurns: number | null;
  readonly ledger: Ledger;
  readonly createdAt: string;
  readonly priority: Priority;
}

export type Claim =
  | {
      readonly outcome: "claimed";
      readonly epoch: number;
      readonly attempt: number;
      /** Who held it when its lease lapsed, or this holder's own former life; null: nobody was at work on it. */
      readonly takenOverFrom: string | null;
      /** A person wants the task to stop: release it as Cancelled, start nothing. */
      readonly cancelRequested: boolean;
      readonly task: ClaimedTask;
      readonly messages: readonly Message[];
      /** Of this activation. */
      readonly steps: readonly StepRecord[];
      readonly head: ChainHead;
    }
  | { readonly outcome: "held"; readonly holder: string; readonly remainingMs: number }
  | { readonly outcome: "later"; readonly remainingMs: number }
  /** The task or the activation has ended, or the activation waits for a person: the bell rang for nothing. */
  | { readonly outcome: "ended" }
  | { readonly outcome: "missing" };

/** A holder that claims what it holds already, after a restart under the same id, goes on at once under a new epoch. */
export async function claimActivation(redis: Redis, request: ClaimRequest): Promise<Claim> {
  throw new Error(`${redis.status} ${request.activation}`);
}
