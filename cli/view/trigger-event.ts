// What schedules and webhooks have to say, as lines for people.
import { displayAddress, parseAddress } from "../../contracts/address.ts";
import type { MissedWhy } from "../../contracts/schedule.ts";
import { oneLine } from "../../reconciler/plan/inert.ts";
import type { ScheduleEvent, WebhookEvent } from "../../reconciler/triggers/events.ts";
import type { Paint } from "../output.ts";

export function renderTriggerEvent(event: ScheduleEvent | WebhookEvent, paint: Paint): string {
  switch (event.type) {
    case "schedule-fired":
      return `${named(event.schedule)} is due (${minuteOf(event.slot)}), task ${event.task} was made: countwheel trace ${event.task} -f`;
    case "schedule-missed": {
      const times = event.count === 1 ? minuteOf(event.slot) : `${event.count} times, the last ${minuteOf(event.slot)}`;
      return `${paint("yellow", "missed")} ${named(event.schedule)}, ${times}: ${missedText(event.why)}`;
    }
    case "webhook-accepted":
      return `${named(event.webhook)} was called, task ${event.task} was made: countwheel trace ${event.task} -f`;
    case "webhook-broken":
      return `${paint("red", event.code)}: ${named(event.webhook)} answers 500: ${oneLine(event.message)}`;
  }
}

export function missedText(why: MissedWhy): string {
  switch (why) {
    case "late":
      return "nobody was there in time";
    case "running":
      return "the task before it still runs";
    case "full":
      return "too many of its tasks have not ended";
    case "impossible":
      return "there is no template or no system to make a task from";
  }
}

function named(address: string): string {
  const parts = parseAddress(address);
  return parts === undefined ? address : displayAddress(parts);
}

/** `2026-11-01T07:00Z`. */
export function minuteOf(iso: string): string {
  return `${iso.slice(0, 16)}Z`;
}
