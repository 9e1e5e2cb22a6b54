// The labels of all that one activation has read: by messages of agents before it, and by results of its own calls. What
// it is made of stands in the task's record, so that a takeover knows the same.
import type { StepRecord } from "../../contracts/step.ts";
import type { Message } from "../../contracts/task.ts";
import type { CarriedLabel } from "../../policies/request.ts";
import type { Tool } from "../tools/tool.ts";

export class CarriedLabels {
  readonly #labels = new Map<string, CarriedLabel>();

  constructor(messages: readonly Message[] = [], steps: readonly StepRecord[] = []) {
    for (const { labels } of messages) this.add(labels);
    for (const { labels, tool } of steps) {
      this.add(labels);
      this.add(tool?.labels);
    }
  }

  /** Where a label is carried already, what it came with first stays. */
  add(labels: readonly CarriedLabel[] = []): void {
    for (const carried of labels) {
      const key = carried.label.toLowerCase();
      if (!this.#labels.has(key)) this.#labels.set(key, carried);
    }
  }

  /** By label: the same, whatever came first. */
  list(): readonly CarriedLabel[] {
    return [...this.#labels.values()].toSorted((a, b) => (a.label < b.label ? -1 : 1));
  }
}

/** Of whatever a tool returns to a call. */
export function labelsOfCall({ definition, data }: Tool, place: string): readonly CarriedLabel[] {
  return (data?.returns ?? []).map((label) => ({ label, from: `${definition.name} (${place})` }));
}

/** For a request to the gate. */
export function withLabels(carried: readonly CarriedLabel[]): { readonly carried?: readonly CarriedLabel[] } {
  return carried.length === 0 ? {} : { carried };
}

/** For a field of a record that is left out where nothing is labelled. */
export function labelled(labels: readonly CarriedLabel[]): { readonly labels?: readonly CarriedLabel[] } {
  return labels.length === 0 ? {} : { labels };
}
