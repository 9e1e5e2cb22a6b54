// Presses of buttons whose delivery failed: GitHub tries none of them again by itself, keeps them for some days, and delivers
// one anew where its App asks. https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries
import { TransientFailure } from "../../../contracts/failure.ts";
import { type AppTokensOptions, openAsApp } from "./app-tokens.ts";
import { attempt } from "./client.ts";

/** What waited longer was pressed in another world. */
const LONGEST_AGO_MS = 60 * 60_000;
/** Deliveries that are looked through, the newest. */
const LISTED = 100;
/** Of one press: somebody else's reconciler, on another repository of the App, may be away for long. */
const ATTEMPTS = 3;

interface Delivery {
  readonly id: number | bigint;
  readonly guid: string;
  readonly delivered_at: string;
  readonly status_code: number;
  readonly event: string;
  readonly action: string | null;
}

/** Asks for those of the last hour that nobody has taken since. Answers how many. */
async function askForMissedPresses(options: Omit<AppTokensOptions, "repository">): Promise<number> {
  const { apps } = openAsApp(options).rest;
  const { data } = await attempt("list the deliveries of the App's webhook", () =>
    apps.listWebhookDeliveries({ per_page: LISTED }),
  );
  const missed = missedIn(data, options.now().getTime());
  for (const delivery_id of missed)
    await attempt(`have the delivery ${delivery_id} made again`, () => apps.redeliverWebhookDelivery({ delivery_id }));
  return missed.length;
}

function missedIn(deliveries: readonly Delivery[], nowMs: number): number[] {
  const presses = deliveries.filter(({ event, action }) => event === "check_run" && action === "requested_action");
  const missed: number[] = [];
  for (const guid of new Set(presses.map((press) => press.guid))) {
    const tries = presses.filter((press) => press.guid === guid);
    const isTaken = tries.some(({ status_code: code }) => code >= 200 && code < 300);
    const since = Math.min(...tries.map(({ delivered_at: at }) => Date.parse(at)));
    const id = Number(tries[0]?.id);
    if (!isTaken && tries.length < ATTEMPTS && nowMs - since < LONGEST_AGO_MS && Number.isSafeInteger(id))
      missed.push(id);
  }
  return missed;
}

export interface MissedPresses {
  /** One may be missing: it could not be kept, or nobody was there to hear it. */
  note(): void;
  /** Asks for them where one may be missing. Throws as verbs do; what may pass is asked for again the next time. */
  ask(): Promise<number>;
}

export function openMissedPresses(options: Omit<AppTokensOptions, "repository">): MissedPresses {
  let isDue = false;
  return {
    note: () => void (isDue = true),
    async ask() {
      if (!isDue) return 0;
      isDue = false;
      try {
        return await askForMissedPresses(options);
      } catch (error) {
        isDue = error instanceof TransientFailure;
        throw error;
      }
    },
  };
}
