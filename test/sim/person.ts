// The person of a simulation: looks for tasks that wait for a word, and says one.
import type { TaskRef } from "../../contracts/task.ts";
import type { Redis } from "../../store/connect.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { readBegunStep, resolveUnknown } from "../../store/scripts/resolve.ts";
import { readTask } from "../../store/tasks.ts";
import type { PersonsWord } from "../history/history.ts";
import type { Dice } from "./dice.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface PersonOptions {
  readonly time: VirtualTime;
  readonly dice: Dice;
  readonly redis: Redis;
  readonly queue: ActivationQueue;
  /** Tasks that wait for a word now. */
  readonly waiting: () => readonly TaskRef[];
  readonly say: (line: string) => void;
}

export const LOOK_MS = 500;

export class Person {
  readonly #options: PersonOptions;
  /** That something shall be made again. */
  readonly words: PersonsWord[] = [];

  constructor(options: PersonOptions) {
    this.#options = options;
  }

  /** For ever. */
  async watch(): Promise<void> {
    const { time, waiting } = this.#options;
    for (;;) {
      await time.pass(LOOK_MS);
      for (const ref of waiting()) await this.#answer(ref);
    }
  }

  async #answer(ref: TaskRef): Promise<void> {
    const { time, dice, redis, queue, say } = this.#options;
    const task = await readTask(redis, ref);
    for (const { id } of task?.activations.filter(({ phase }) => phase === "Unknown") ?? []) {
      const step = await readBegunStep(redis, ref, id);
      if (step === undefined) continue;
      const word = dice.pick(["done", "again", "again", "fail"]);
      say(`person: ${word} for ${step.step} of ${ref.name} ${id}`);
      const said = {
        done: { step: { ...step, state: "done" as const, tool: { text: "a person saw it", isError: false } } },
        again: { step: { ...step, state: "decided" as const } },
        fail: { failure: { code: "EFFECT_UNKNOWN", message: "a person gave it up" } },
      }[word];
      const drafts = [{ type: "approval.decided" as const, at: new Date(time.wallMs()).toISOString(), activation: id }];
      const answer = await resolveUnknown(redis, queue, { task: ref, activation: id, drafts, ...said });
      if (answer.outcome === "resolved" && word === "again") {
        this.words.push({ task: `${ref.namespace}/${ref.name}`, activation: id, step: step.step });
      }
    }
  }
}
