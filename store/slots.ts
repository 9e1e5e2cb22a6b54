// What a runner can do at once, shared by the lanes that it listens at: a lane takes a bell only when it has a slot for it,
// so that no bell waits inside a runner that is busy while another one is free.
import { type Job, type Processor, type Span, Worker, type WorkerOptions } from "bullmq";
import type { Redis } from "./connect.ts";

/** Handed out in the order in which they were asked for: no lane keeps them from the others. */
export class Slots {
  #free: number;
  readonly #waiting = new Set<(isGranted: boolean) => void>();

  constructor(capacity: number) {
    this.#free = capacity;
  }

  get isFull(): boolean {
    return this.#free === 0;
  }

  get isWanted(): boolean {
    return this.#waiting.size > 0;
  }

  /** False: withdrawn before there was one. */
  async take(withdrawn: AbortSignal): Promise<boolean> {
    if (this.#free > 0) {
      this.#free -= 1;
      return true;
    }
    return new Promise((answer) => {
      this.#waiting.add(answer);
      const withdraw = (): void => {
        if (this.#waiting.delete(answer)) answer(false);
      };
      withdrawn.addEventListener("abort", withdraw, { once: true });
    });
  }

  give(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free += 1;
    else {
      this.#waiting.delete(next);
      next(true);
    }
  }
}

export interface SlottedOptions extends WorkerOptions {
  readonly connection: Redis;
}

/**
 * BullMQ's worker that has a slot for every job that it holds. Its loop fetches in sequence, and begins what it fetched only
 * between two fetches: so it must not wait for a slot while it holds a job that has not begun, or two lanes that hold the
 * last slots would wait for each other.
 */
export class SlottedWorker<Data> extends Worker<Data, void> {
  readonly #slots: Slots;
  readonly #redis: Redis;
  /** Tokens of the jobs that have a slot; BullMQ hands a token on from one job to the next. */
  readonly #held = new Set<string>();
  /** Of these, the ones whose work has not begun. */
  readonly #fetched = new Set<string>();
  #asked: AbortController | undefined;

  constructor(queue: string, process: Processor<Data, void>, slots: Slots, options: SlottedOptions) {
    super(queue, process, { ...options, autorun: false });
    this.#slots = slots;
    this.#redis = options.connection;
    // Only now: the first fetch already asks for a slot.
    this.run().catch((error: unknown) => this.emit("error", error instanceof Error ? error : new Error(String(error))));
  }

  protected override async moveToActive(token: string, name?: string): Promise<Job<Data, void>> {
    const isGranted = await this.#takeSlot();
    // Without data it answers that there is no job.
    if (!isGranted) return this.nextJobFromJobData();
    this.#held.add(token);
    const isStopping = this.closing !== undefined || this.paused;
    return this.#kept(token, isStopping ? this.nextJobFromJobData() : super.moveToActive(token, name));
  }

  protected override callProcessJob(job: Job<Data, void>, token: string, signal?: AbortSignal): Promise<void> {
    this.#fetched.delete(token);
    return super.callProcessJob(job, token, signal);
  }

  protected override async handleCompleted(
    result: void,
    job: Job<Data, void>,
    token: string,
    fetchNext: () => boolean = () => true,
    span?: Span,
  ): Promise<Job<Data, void>> {
    const mayGoOn = (): boolean => fetchNext() && !this.#slots.isWanted;
    const next = await super.handleCompleted(result, job, token, mayGoOn, span);
    if (next === undefined) this.#give(token);
    else this.#keep(token);
    return next;
  }

  /** Of a job that was delayed, too. The loop fetches the next one. */
  protected override async handleFailed(
    error: Error,
    job: Job<Data, void>,
    token: string,
    _fetchNext?: () => boolean,
    span?: Span,
  ): Promise<Job<Data, void>> {
    this.#give(token);
    return super.handleFailed(error, job, token, () => false, span);
  }

  async #takeSlot(): Promise<boolean> {
    if (this.#slots.isFull) {
      // What woke this worker woke no other: somebody with a free slot shall look.
      await this.#redis.zadd(this.toKey("marker"), 0, "0");
      if (this.#fetched.size > 0) return false;
    }
    this.#asked = new AbortController();
    const isGranted = await this.#slots.take(this.#asked.signal);
    this.#asked = undefined;
    return isGranted;
  }

  /** The slot stays with the job, if there is one. */
  async #kept(token: string, fetching: Promise<Job<Data, void>>): Promise<Job<Data, void>> {
    let job: Job<Data, void> | undefined;
    try {
      job = await fetching;
      return job;
    } finally {
      if (job === undefined) this.#give(token);
      else this.#keep(token);
    }
  }

  #keep(token: string): void {
    this.#fetched.add(token);
    this.#asked?.abort();
  }

  #give(token: string): void {
    this.#fetched.delete(token);
    if (this.#held.delete(token)) this.#slots.give();
  }
}
