// What a webhook that is not set up has to say, once: anybody may call it, and nobody may fill a log with it.
import type { WebhookEvent } from "../events.ts";

/** Says the same of the same webhook again only after it has worked. */
export function toldOnce(emit: (event: WebhookEvent) => void): (event: WebhookEvent) => void {
  const said = new Map<string, string>();
  return (event) => {
    const what = event.type === "webhook-broken" ? event.message : "";
    if (event.type === "webhook-broken" && said.get(event.webhook) === what) return;
    said.set(event.webhook, what);
    emit(event);
  };
}
