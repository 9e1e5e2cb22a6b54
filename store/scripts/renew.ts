// Renews the lease of an activation. A lapsed lease is never revived.
import type { ActivationId, TaskRef } from "../../contracts/task.ts";
import type { Redis } from "../connect.ts";

export interface RenewRequest {
  readonly task: TaskRef;
  readonly activation: ActivationId;
  readonly holder: string;
  readonly epoch: number;
  readonly leaseMs: number;
}

export type Renewal =
  | { readonly outcome: "renewed"; readonly remainingMs: number; readonly cancelRequested: boolean }
  | { readonly outcome: "lease-lost" };

export async function renewLease(redis: Redis, request: RenewRequest): Promise<Renewal> {
  throw new Error(`${redis.status} ${request.activation}`);
}
