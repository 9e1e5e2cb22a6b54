// What a task's trace says of the calls that were made so far: for rules that want one before, or not after, another one.
import type { CallHistory } from "../policies/request.ts";

/** An event, or a draft of one. */
export interface CallEvent {
  readonly type: string;
  readonly activation?: string;
  readonly step?: string;
  readonly [field: string]: unknown;
}

/** Takes in the events of one trace in their order. */
export class CallLog {
  readonly #succeeded = new Set<string>();
  readonly #begun = new Set<string>();
  /** Activation and step → its tool: a person's word about a call names only these. */
  readonly #tools = new Map<string, string>();

  constructor(before?: CallLog) {
    if (before === undefined) return;
    for (const tool of before.#succeeded) this.#succeeded.add(tool);
    for (const tool of before.#begun) this.#begun.add(tool);
    for (const [step, tool] of before.#tools) this.#tools.set(step, tool);
  }

  add(event: CallEvent): void {
    const { tool, activation = "", step = "" } = event;
    const place = `${activation} ${step}`;
    switch (event.type) {
      case "tool.called":
        if (typeof tool !== "string") return;
        this.#begun.add(tool);
        this.#tools.set(place, tool);
        return;
      case "tool.answered":
        if (typeof tool === "string" && event["isError"] !== true) this.#succeeded.add(tool);
        return;
      case "approval.decided": {
        const told = this.#tools.get(place);
        const happened = event["about"] === "unknown-effect" && event["answer"] === "done";
        if (told !== undefined && happened) this.#succeeded.add(told);
        return;
      }
      case "retry.scheduled":
        // Begun anew, the task has everything before it once more; what was done stays done.
        if (event["what"] === "task" && event["from"] === "start") this.#succeeded.clear();
        return;
    }
  }

  history(): CallHistory {
    return { succeeded: [...this.#succeeded], begun: [...this.#begun] };
  }
}
