// Retention of snapshots: goes round all tasks, marks the snapshots that they name, and drops those that nobody has needed
// since, a few at a time. Safe on all runners at once, and beside whoever is about to make a task.
import { ask, askAll } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys, parseTaskMember, taskKeys } from "./keys.ts";
import { dropUnmarked, markSnapshots } from "./scripts/snapshot-marks.ts";

export interface SnapshotRules {
  /** How long one is kept that no task names: somebody who put it may be about to make a task of it. */
  readonly graceMs: number;
  /** From one round to the next. */
  readonly roundEveryMs: number;
}

/** Tasks in one look, and snapshots in one drop: each is tens of kilobytes to free. */
const CHUNK = 100;
const DROPS = 20;

/** `scan`: where the round goes on; `begunMs` by Redis' own clock. */
type Round =
  | { readonly at: "rest"; readonly untilMs: number }
  | { readonly at: "tasks"; readonly begunMs: number; readonly scan: string }
  | { readonly at: "drops"; readonly begunMs: number };

export class SnapshotRetention {
  readonly #redis: Redis;
  readonly #env: string;
  readonly #rules: SnapshotRules;
  #round: Round = { at: "rest", untilMs: Number.NEGATIVE_INFINITY };

  constructor(redis: Redis, env: string, rules: SnapshotRules) {
    this.#redis = redis;
    this.#env = env;
    this.#rules = rules;
  }

  /** The next look of the round. `monotonicMs` only spaces the rounds. Answers how many snapshots it dropped. */
  async step(monotonicMs: number): Promise<number> {
    const round = this.#round;
    switch (round.at) {
      case "rest":
        if (monotonicMs < round.untilMs) return 0;
        this.#round = { at: "tasks", begunMs: await markSnapshots(this.#redis, this.#env, []), scan: "0" };
        return 0;
      case "tasks": {
        const scan = await this.#markNamed(round.scan);
        this.#round = scan === "0" ? { at: "drops", begunMs: round.begunMs } : { ...round, scan };
        return 0;
      }
      case "drops": {
        const { found, dropped } = await this.#drop(round.begunMs - this.#rules.graceMs);
        if (found < DROPS) this.#round = { at: "rest", untilMs: monotonicMs + this.#rules.roundEveryMs };
        return dropped;
      }
    }
  }

  /** A scan, not ranks: it misses nothing that is there all the time, whoever drops tasks meanwhile. */
  async #markNamed(scan: string): Promise<string> {
    const { tasks } = environmentKeys(this.#env);
    const [next, pairs] = await ask(this.#redis, () => this.#redis.zscan(tasks, scan, "COUNT", CHUNK));
    const refs = pairs.flatMap((member, index) => (index % 2 === 0 ? (parseTaskMember(this.#env, member) ?? []) : []));
    const pipeline = this.#redis.pipeline();
    for (const ref of refs) pipeline.hget(taskKeys(ref).task, "snapshot");
    const answers = await askAll(this.#redis, () => pipeline.exec());
    const named = new Set(answers.filter((digest) => typeof digest === "string"));
    if (named.size > 0) await markSnapshots(this.#redis, this.#env, [...named]);
    return next;
  }

  /** Every task that is there named its snapshot since the round began: an older mark is nobody's. */
  async #drop(beforeMs: number): Promise<{ readonly found: number; readonly dropped: number }> {
    const { snapshots } = environmentKeys(this.#env);
    const old = await ask(this.#redis, () =>
      this.#redis.zrangebyscore(snapshots, "-inf", `(${beforeMs}`, "LIMIT", 0, DROPS),
    );
    if (old.length === 0) return { found: 0, dropped: 0 };
    const dropped = await dropUnmarked(this.#redis, this.#env, old, beforeMs);
    return { found: old.length, dropped: dropped.length };
  }
}
