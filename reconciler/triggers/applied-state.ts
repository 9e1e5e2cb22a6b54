// The applied records for whoever asks often: read when they have changed, and once for all who ask at the same time.

import type { ObservedState } from "../../contracts/record.ts";
import { makeSnapshot, type Snapshot } from "../../contracts/snapshot.ts";
import type { Redis } from "../../store/connect.ts";
import { putSnapshot } from "../../store/snapshots.ts";
import { StateMemory } from "../../store/state-memory.ts";
import type { Declared } from "./triggered-task.ts";

export class AppliedState {
  readonly #redis: Redis;
  readonly #env: string;
  readonly #memory: StateMemory;
  #reading: Promise<ObservedState> | undefined;
  #declared: { readonly snapshot: Snapshot; readonly of: Declared } | undefined;

  constructor(redis: Redis, env: string, now: () => Date) {
    this.#redis = redis;
    this.#env = env;
    this.#memory = new StateMemory(redis, env, now);
  }

  /** A flood of requests is one read after the other, never many at once. */
  read(): Promise<ObservedState> {
    this.#reading ??= this.#memory.read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /** The records as they are, with a snapshot of them that is kept. */
  async declare(): Promise<Declared> {
    const { records } = await this.read();
    if (this.#declared?.of.records !== records) {
      const snapshot = makeSnapshot(records.values());
      this.#declared = { snapshot, of: { records, snapshot: snapshot.digest } };
    }
    // Every time: what no task names is kept for a while only.
    await putSnapshot(this.#redis, this.#env, this.#declared.snapshot);
    return this.#declared.of;
  }
}
