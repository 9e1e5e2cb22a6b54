// Retention: forgets tasks that ended long ago, and the oldest ones beyond a number, a few at a time. Safe on all runners
// at once.
import { hasEnded, type TaskRef } from "../contracts/task.ts";
import { ask, askAll } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { dropTask } from "./drop-task.ts";
import { environmentKeys, parseTaskMember, taskKeys } from "./keys.ts";
import { listOf } from "./reply.ts";
import { readRetention } from "./retention-rules.ts";
import { readTaskPhase } from "./task-fields.ts";

export interface RetentionRules {
  /** How long a task is kept after its end. */
  readonly keptMs: number;
  /** The same for one that failed: somebody may want to look at it, and to retry it. */
  readonly keptFailedMs: number;
  /** How many tasks are kept at most, those under way included; the oldest that ended fall out. */
  readonly keptTasks: number;
}

/** Tasks in one look. */
const CHUNK = 100;

export class Retention {
  readonly #redis: Redis;
  readonly #env: string;
  readonly #fallback: RetentionRules;
  readonly #override: Partial<RetentionRules>;
  #rules: RetentionRules;
  /** How many of the oldest tasks were left where they are by the looks before this one. */
  #passed = 0;

  /** `override` goes before what the environment's settings say, `fallback` stands in for what they do not. */
  constructor(redis: Redis, env: string, fallback: RetentionRules, override: Partial<RetentionRules> = {}) {
    this.#redis = redis;
    this.#env = env;
    this.#fallback = fallback;
    this.#override = override;
    this.#rules = fallback;
  }

  /** One look at the next of the oldest tasks. Answers how many it dropped. */
  async step(nowMs: number): Promise<number> {
    if (this.#passed === 0) this.#rules = await this.#readRules();
    const { tasks } = environmentKeys(this.#env);
    const [count, members] = await askAll(this.#redis, () =>
      this.#redis
        .pipeline()
        .zcard(tasks)
        .zrange(tasks, String(this.#passed), String(this.#passed + CHUNK - 1))
        .exec(),
    );
    const oldest = listOf("the tasks", members).flatMap((member) => parseTaskMember(this.#env, String(member)) ?? []);
    const ended = await this.#readEnded(oldest);
    let excess = Number(count) - this.#rules.keptTasks;
    let dropped = 0;
    for (const { ref, endedMs, failed } of ended) {
      const keptMs = failed ? this.#rules.keptFailedMs : this.#rules.keptMs;
      if (excess <= 0 && endedMs + keptMs > nowMs) continue;
      if ((await dropTask(this.#redis, ref)) !== "dropped") continue;
      dropped += 1;
      excess -= 1;
    }
    this.#passed = oldest.length < CHUNK ? 0 : this.#passed + oldest.length - dropped;
    return dropped;
  }

  async #readRules(): Promise<RetentionRules> {
    const { keptMs, keptFailedMs, keptTasks } = await readRetention(this.#redis, this.#env);
    const { keptMs: ms, keptFailedMs: failedMs, keptTasks: tasks } = this.#fallback;
    const settings = {
      keptMs: keptMs ?? ms,
      keptFailedMs: keptFailedMs ?? failedMs,
      keptTasks: keptTasks ?? tasks,
    };
    return { ...settings, ...this.#override };
  }

  async #readEnded(
    refs: readonly TaskRef[],
  ): Promise<{ readonly ref: TaskRef; readonly endedMs: number; readonly failed: boolean }[]> {
    const pipeline = this.#redis.pipeline();
    for (const ref of refs) pipeline.hmget(taskKeys(ref).task, "phase", "finishedAtMs");
    const answers = await ask(this.#redis, () => pipeline.exec());
    return refs.flatMap((ref, index) => {
      const [phase, finished] = listOf(`the task ${ref.name}`, answers?.[index]?.[1]);
      if (typeof phase !== "string" || typeof finished !== "string" || finished === "") return [];
      const known = readTaskPhase(`the task ${ref.name}`, phase);
      if (!hasEnded(known)) return [];
      return [{ ref, endedMs: Number(finished), failed: known === "Failed" || known === "DeadLetter" }];
    });
  }
}
