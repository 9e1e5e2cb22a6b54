// What schedules and webhooks have to say, for whoever watches the reconciler.
import type { Address } from "../../contracts/address.ts";
import type { MissedWhy } from "../../contracts/schedule.ts";

export type ScheduleEvent =
  | { readonly type: "schedule-fired"; readonly schedule: Address; readonly slot: string; readonly task: string }
  /** `slot`: the last of them. */
  | {
      readonly type: "schedule-missed";
      readonly schedule: Address;
      readonly slot: string;
      readonly count: number;
      readonly why: MissedWhy;
    };

export type WebhookEvent =
  | { readonly type: "webhook-accepted"; readonly webhook: Address; readonly task: string }
  /** Said once for each webhook until it works: its sender is told nothing. */
  | { readonly type: "webhook-broken"; readonly webhook: Address; readonly code: string; readonly message: string };

export type TriggerEvent =
  | ScheduleEvent
  | WebhookEvent
  /** Said once until a look goes well. */
  | { readonly type: "failed"; readonly code: string; readonly message: string; readonly retryInMs: number | null };
