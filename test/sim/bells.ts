// The bells of BullMQ as far as runners rely on them: a job an activation, waiting, delayed or in a worker's hands, whose
// lock lapses when its worker is gone. Bells can be lost, which BullMQ does not do, so that the sweep has to mend it.
import { TransientFailure } from "../../contracts/failure.ts";
import type { ActivationJob, ActivationQueue, Bell } from "../../store/queue.ts";
import type { ActivationContext } from "../../store/worker.ts";
import type { Wire } from "./client.ts";
import type { Dice } from "./dice.ts";
import type { Machine, VirtualTime } from "./virtual-time.ts";

interface Job extends ActivationJob {
  readonly id: string;
  state: "waiting" | "delayed" | "active";
  /** Of a delayed job when it rings, of an active one when its lock lapses. */
  atMs: number;
  /** Who took it last: an older token can do nothing with it. */
  token: number;
}

const STALL_CHECK_MS = 200;

export class Bells {
  readonly #time: VirtualTime;
  readonly #machine: Machine;
  readonly #jobs = new Map<string, Job>();
  readonly #listeners = new Set<() => void>();
  #tokens = 0;

  constructor(time: VirtualTime, machine: Machine) {
    this.#time = time;
    this.#machine = machine;
    this.#checkStalled();
  }

  /** Bells that are still there, of whatever state. */
  ids(): readonly string[] {
    return [...this.#jobs.keys()];
  }

  /** One of them is gone without a trace. */
  lose(dice: Dice): string | undefined {
    const idle = [...this.#jobs.values()].filter(({ state }) => state !== "active");
    const lost = idle[dice.whole(0, Math.max(0, idle.length - 1))];
    if (lost !== undefined) this.#jobs.delete(lost.id);
    return lost?.id;
  }

  add(bells: readonly ActivationJob[]): void {
    for (const { task, activation } of bells) {
      const id = `${task.namespace}/${task.name}/${activation}`;
      if (!this.#jobs.has(id)) this.#jobs.set(id, { id, task, activation, state: "waiting", atMs: 0, token: 0 });
    }
    this.#tell();
  }

  /** In the place of bells that somebody holds who is gone. */
  renew(bells: readonly ActivationJob[]): void {
    for (const { task, activation } of bells) this.#jobs.delete(`${task.namespace}/${task.name}/${activation}`);
    this.add(bells);
  }

  has({ task, activation }: ActivationJob): boolean {
    return this.#jobs.has(`${task.namespace}/${task.name}/${activation}`);
  }

  bringForward({ task, activation }: ActivationJob): void {
    const job = this.#jobs.get(`${task.namespace}/${task.name}/${activation}`);
    if (job?.state === "delayed") this.#ripen(job);
  }

  take(lockMs: number): (ActivationJob & { readonly id: string; readonly token: number }) | undefined {
    const job = [...this.#jobs.values()].find(({ state }) => state === "waiting");
    if (job === undefined) return undefined;
    this.#tokens += 1;
    Object.assign(job, { state: "active", atMs: this.#time.now() + lockMs, token: this.#tokens });
    return { ...job };
  }

  /** False: the lock is another's by now. */
  extend(id: string, token: number, lockMs: number): boolean {
    const job = this.#owned(id, token);
    if (job !== undefined) job.atMs = this.#time.now() + lockMs;
    return job !== undefined;
  }

  finish(id: string, token: number): void {
    const job = this.#owned(id, token);
    if (job !== undefined) this.#jobs.delete(job.id);
  }

  delay(id: string, token: number, ms: number): void {
    const job = this.#owned(id, token);
    if (job === undefined) return;
    Object.assign(job, { state: "delayed", atMs: this.#time.now() + ms, token: 0 });
    this.#time.after(ms, () => this.#ripen(job), "timer", this.#machine);
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #owned(id: string, token: number): Job | undefined {
    const job = this.#jobs.get(id);
    return job?.state === "active" && job.token === token ? job : undefined;
  }

  #ripen(job: Job): void {
    if (this.#jobs.get(job.id) !== job || job.state !== "delayed") return;
    job.state = "waiting";
    this.#tell();
  }

  #checkStalled(): void {
    for (const job of this.#jobs.values()) {
      if (job.state === "active" && job.atMs <= this.#time.now()) Object.assign(job, { state: "waiting", token: 0 });
    }
    this.#tell();
    this.#time.after(STALL_CHECK_MS, () => this.#checkStalled(), "timer", this.#machine);
  }

  #tell(): void {
    if (![...this.#jobs.values()].some(({ state }) => state === "waiting")) return;
    for (const listener of this.#listeners) listener();
  }
}

/** The store's queue over a wire of its own: what it asks of BullMQ is lost and late like everything else. */
export function openBellQueue(bells: Bells, env: string, wire: Wire): ActivationQueue {
  const ask = async <T>(name: string, work: () => T): Promise<T> => {
    let answer: { readonly value: T } | undefined;
    await wire([{ name, args: [] }], () => {
      answer = { value: work() };
      return [null];
    }).catch((error: unknown) => {
      throw new TransientFailure("REDIS_UNAVAILABLE", "the simulated Redis cannot be reached", { cause: error });
    });
    if (answer === undefined) throw new TypeError("nothing was asked");
    return answer.value;
  };
  return {
    env,
    ring: (rung: readonly Bell[]) => (rung.length === 0 ? Promise.resolve() : ask("ring", () => bells.add(rung))),
    ringAnew: (rung) => (rung.length === 0 ? Promise.resolve() : ask("ring anew", () => bells.renew(rung))),
    withoutBell: (jobs) => ask("bells", () => jobs.filter((job) => !bells.has(job))),
    bringForward: (jobs) => ask("promote", () => jobs.forEach((job) => bells.bringForward(job))),
    close: () => Promise.resolve(),
  };
}

export interface BellWorkerOptions {
  readonly time: VirtualTime;
  readonly bells: Bells;
  readonly wire: Wire;
  readonly machine: Machine;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly process: (job: ActivationJob, context: ActivationContext) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

export interface BellWorker {
  /** Takes nothing new and aborts what is under way; resolves when that has ended. */
  stop(reason: Error): Promise<void>;
}

/** What store/queue.ts makes of BullMQ's worker: takes jobs, keeps their locks, gives them back delayed or done. */
export function startBellWorker(options: BellWorkerOptions): BellWorker {
  const { time, bells, wire, machine, concurrency, leaseMs, process, onError } = options;
  const running = new Map<string, { readonly abort: AbortController; readonly done: Promise<void> }>();
  let fetching = 0;
  let isStopping = false;
  /** What BullMQ loses on the way it tries again; here that is left to the locks that lapse. */
  const tell = <T>(name: string, work: () => T): Promise<T | undefined> => {
    let answer: T | undefined;
    return wire([{ name, args: [] }], () => {
      answer = work();
      return [null];
    }).then(
      () => answer,
      () => undefined,
    );
  };

  const keepLock = (id: string, token: number): void => {
    time.after(leaseMs / 2, () => {
      if (!running.has(id)) return;
      void tell("extend", () => bells.extend(id, token, leaseMs));
      keepLock(id, token);
    });
  };
  const work = async (job: ActivationJob & { id: string; token: number }, abort: AbortController): Promise<void> => {
    let delayMs: number | undefined;
    try {
      await process(job, { signal: abort.signal, delay: (ms) => (delayMs = ms) });
    } catch (error) {
      onError(error);
      delayMs ??= leaseMs;
    }
    running.delete(job.id);
    const later = delayMs;
    await tell("give back", () =>
      later === undefined ? bells.finish(job.id, job.token) : bells.delay(job.id, job.token, Math.max(1, later)),
    );
  };
  const fetch = async (): Promise<void> => {
    if (isStopping || fetching + running.size >= concurrency) return;
    fetching += 1;
    const job = await tell("fetch", () => bells.take(leaseMs));
    fetching -= 1;
    if (job === undefined) return;
    if (isStopping || running.has(job.id)) {
      await tell("give back", () => bells.delay(job.id, job.token, isStopping ? 50 : leaseMs));
      return;
    }
    const abort = new AbortController();
    const done = work(job, abort);
    running.set(job.id, { abort, done });
    keepLock(job.id, job.token);
    void fetch();
    await done;
    void fetch();
  };
  // The listener runs where the bells are; the worker hears of it on its own machine.
  const unlisten = bells.listen(() => void time.after(0, () => void fetch(), "network", machine));
  void fetch();
  return {
    stop: async (reason) => {
      isStopping = true;
      unlisten();
      for (const { abort } of running.values()) abort.abort(reason);
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}
