// Gives an activation back with its outcome: trace, graph, the activations that it starts and the task's end in one script.
import type { FailureRecord } from "../../contracts/failure.ts";
import type { GraphState } from "../../contracts/graph.ts";
import type { ActivationId, ActivationPhase, Message, TaskPhase, TaskRef } from "../../contracts/task.ts";
import type { ChainHead, TraceEvent } from "../../contracts/trace.ts";
import type { Redis } from "../connect.ts";
import type { Ledger } from "../ledger.ts";
import type { ActivationQueue } from "../queue.ts";

export interface StartedActivation {
  readonly id: ActivationId;
  readonly agent: string;
  readonly messages: readonly Message[];
}

export interface ReleaseRequest {
  readonly task: TaskRef;
  readonly activation: ActivationId;
  readonly holder: string;
  readonly epoch: number;
  /** The head that `events` were chained behind and that `graph` was computed at. */
  readonly after: ChainHead;
  readonly events: readonly TraceEvent[];
  /** `Runnable`: to be tried again, after `runnableInMs`; the caller asks its worker for the delay of the bell. */
  readonly phase: Exclude<ActivationPhase, "Leased">;
  readonly runnableInMs?: number;
  readonly graph: GraphState;
  readonly start: readonly StartedActivation[];
  readonly taskPhase?: TaskPhase;
  readonly output?: Readonly<Record<string, string>>;
  readonly lastError?: FailureRecord;
}

export type Released =
  | { readonly outcome: "released"; readonly head: ChainHead }
  /** Another activation of the task appended: compute anew from these. */
  | { readonly outcome: "moved"; readonly head: ChainHead; readonly graph: GraphState; readonly ledger: Ledger }
  | { readonly outcome: "lease-lost" };

/** Afterwards rings for what was started, and finishes off a task that ended (outbox, live index). */
export async function releaseActivation(redis: Redis, queue: ActivationQueue, request: ReleaseRequest): Promise<Released> {
  throw new Error(`${redis.status} ${queue.env} ${request.activation}`);
}
