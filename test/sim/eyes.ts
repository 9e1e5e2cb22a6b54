// What is seen of tasks while a simulation runs: their phases, their traces' ends, and what runners are told of these.
import type { TaskPhase } from "../../contracts/task.ts";
import type { ChainHead, TraceEvent } from "../../contracts/trace.ts";
import type { Wire } from "./client.ts";

export class Eyes {
  readonly #say: (line: string) => void;
  readonly #tellsEvents: boolean;
  readonly #phases = new Map<string, TaskPhase[]>();
  readonly #seqs = new Map<string, number>();
  readonly #heads = new Map<string, ChainHead[]>();

  constructor(say: (line: string) => void, tellsEvents: boolean) {
    this.#say = say;
    this.#tellsEvents = tellsEvents;
  }

  /** Oldest first. */
  phases(task: string): readonly TaskPhase[] {
    return this.#phases.get(task) ?? [];
  }

  /** The number of events in its trace. */
  seqOf(task: string): number {
    return this.#seqs.get(task) ?? 0;
  }

  /** Ends of a chain that a runner was told of, by the key of the task. */
  heads(key: string): readonly ChainHead[] {
    return this.#heads.get(key) ?? [];
  }

  see(key: string, field: string, value: string): void {
    const name = /^cw:\{t:sim\/(.*)\}:(task|journal)$/.exec(key);
    const task = name?.[1] ?? "";
    if (name?.[2] === "journal") {
      this.#seqs.set(task, Number(field.split("-", 1)[0]));
      if (this.#tellsEvents) for (const line of value.split("\n")) this.#tellEvent(task, line);
    }
    if (name?.[2] !== "task" || field !== "phase") return;
    this.#phases.set(task, [...(this.#phases.get(task) ?? []), value as TaskPhase]);
    this.#say(`${task}: ${value}`);
  }

  #tellEvent(task: string, json: string): void {
    const { seq, type, activation = "", epoch = "", step = "", ...event } = JSON.parse(json) as TraceEvent;
    const more =
      ["runner", "code", "tool"].map((field) => event[field]).filter((fact) => typeof fact === "string")[0] ?? "";
    this.#say(`${task} ${seq} ${type} ${activation} epoch ${epoch} ${step} ${more}`.replace(/ +/g, " "));
  }

  /** Notes every end of a chain that a runner is told of: from then on it must stay. */
  listening(wire: Wire): Wire {
    return async (commands, execute) => {
      const answers = await wire(commands, execute);
      for (const [index, answer] of answers.entries()) {
        const key = commands[index]?.args[2] ?? "";
        if (!Array.isArray(answer) || (answer[0] !== "appended" && answer[0] !== "released")) continue;
        const heads = this.#heads.get(key) ?? [];
        heads.push({ seq: Number(answer[1]), head: String(answer[2]) });
        this.#heads.set(key, heads);
      }
      return answers;
    };
  }
}
