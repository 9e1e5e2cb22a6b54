// The person of a simulation: looks for tasks that wait for a word, and says one.
import { type Graph, type GraphState, restartGraph } from "../../contracts/graph.ts";
import { activationId, type TaskPhase, type TaskRef } from "../../contracts/task.ts";
import { answerApproval } from "../../store/approvals/answer-approval.ts";
import { readApprovals } from "../../store/approvals/read-approvals.ts";
import type { Redis } from "../../store/connect.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { readBegunStep, resolveUnknown } from "../../store/scripts/resolve.ts";
import { retryTask } from "../../store/scripts/retry-task.ts";
import { readTask } from "../../store/tasks.ts";
import type { PersonsWord } from "../history/history.ts";
import type { Dice } from "./dice.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface PersonOptions {
  readonly time: VirtualTime;
  readonly dice: Dice;
  readonly redis: Redis;
  readonly queue: ActivationQueue;
  /** Tasks that are in this phase now. */
  readonly inPhase: (...phases: readonly TaskPhase[]) => readonly TaskRef[];
  /** The graph of a task's system. */
  readonly graphOf: (task: TaskRef) => Graph;
  readonly say: (line: string) => void;
}

export const LOOK_MS = 500;

export class Person {
  readonly #options: PersonOptions;
  /** That something shall be made again. */
  readonly words: PersonsWord[] = [];
  /** How often each task was retried, by its name. */
  readonly retries = new Map<string, number>();
  readonly #ignored = new Set<string>();

  constructor(options: PersonOptions) {
    this.#options = options;
  }

  /** For ever. */
  async watch(): Promise<void> {
    const { time, inPhase } = this.#options;
    for (;;) {
      await time.pass(LOOK_MS);
      for (const ref of inPhase("Unknown")) await this.#answer(ref);
      // A task whose branches differ waits for an approval and is something else besides.
      for (const ref of inPhase("WaitingApproval", "Running")) await this.#rule(ref);
      for (const ref of inPhase("Failed", "DeadLetter")) await this.#retry(ref);
    }
  }

  /** Nobody hurries, and some questions are never answered. */
  async #rule(ref: TaskRef): Promise<void> {
    const { time, dice, redis, queue, say } = this.#options;
    for (const approval of await readApprovals(redis, ref)) {
      if (approval.phase !== "Pending" || !dice.chance(0.3) || this.#ignored.has(approval.name)) continue;
      const answer = dice.pick(["approved", "approved", "approved", "denied", "nobody"] as const);
      if (answer === "nobody") {
        this.#ignored.add(approval.name);
        continue;
      }
      say(`person: ${approval.name} is ${answer}`);
      const word = { by: { kind: "local", name: "ada" }, at: new Date(time.wallMs()).toISOString() } as const;
      await answerApproval(redis, queue, { approval, answer, word });
    }
  }

  /** Twice at most: what ends a task may end it again. */
  async #retry(ref: TaskRef): Promise<void> {
    const { time, dice, redis, queue, say, graphOf } = this.#options;
    const before = this.retries.get(ref.name) ?? 0;
    if (before === 2 || !dice.chance(0.3)) return;
    const from = dice.pick(["stopped", "stopped", "start"]);
    const data = { what: "task", from, by: "ada" };
    const drafts = [{ type: "retry.scheduled" as const, at: new Date(time.wallMs()).toISOString(), data }];
    const restart = (state: GraphState) => {
      const anew = restartGraph(graphOf(ref), state);
      return { ...anew, start: anew.entries.map(({ agent, visit }) => ({ id: activationId(agent, visit), agent })) };
    };
    const how = from === "start" ? { restart } : {};
    const { outcome } = await retryTask(redis, queue, { task: ref, drafts, resetBudget: false, ...how });
    say(`person: retries ${ref.name} from ${from}: ${outcome}`);
    if (outcome === "retried") this.retries.set(ref.name, before + 1);
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
