// Time that passes only when nothing is left to do at this moment: a list of events, each of one machine. A machine that
// is dead hears nothing any more; one that stands still hears everything at once when it goes on, as a real process does.
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers/promises";

/** What runs by itself: a runner, a reconciler, the world outside. */
export interface Machine {
  readonly name: string;
  isDead: boolean;
  standsStillUntilMs: number;
  /** After it stood still: whether it hears of answers before its timers, which the operating system decides. */
  hearsNetworkFirst: boolean;
}

export function bootMachine(name: string): Machine {
  return { name, isDead: false, standsStillUntilMs: 0, hearsNetworkFirst: true };
}

type Kind = "timer" | "network";

interface TimedEvent {
  readonly atMs: number;
  readonly rank: number;
  readonly number: number;
  readonly kind: Kind;
  readonly machine: Machine;
  readonly run: () => void;
  isCancelled: boolean;
}

/** Where simulated time begins: no machine's `performance.now()` is 0. */
const BEGIN_MS = 1_000_000;
/** Of the clock on the wall, at the beginning. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

export class VirtualTime {
  readonly #events: TimedEvent[] = [];
  #made = 0;
  #nowMs = BEGIN_MS;
  #machine: Machine;

  /** `outside` is at work where nobody else is. */
  constructor(outside: Machine) {
    this.#machine = outside;
  }

  /** On the clock of `performance.now()`. */
  now(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return EPOCH_MS + this.#nowMs - BEGIN_MS;
  }

  /** Whose code runs at this moment. */
  machine(): Machine {
    return this.#machine;
  }

  after(ms: number, run: () => void, kind: Kind = "timer", machine = this.#machine): () => void {
    this.#made += 1;
    const atMs = this.#nowMs + Math.max(0, ms);
    const event = { atMs, rank: 1, number: this.#made, kind, machine, run, isCancelled: false };
    push(this.#events, event);
    return () => {
      event.isCancelled = true;
    };
  }

  /** Resolves on the machine that asks, unless it is dead by then. */
  pass(ms: number, kind: Kind = "timer"): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve, kind));
  }

  /** Begins work on a machine; what it waits for is heard by that machine. */
  start(machine: Machine, work: () => Promise<void>): void {
    this.after(0, () => void work(), "timer", machine);
  }

  /** Goes from event to event until `isOver`, or `limitMs` have passed, or nothing is left. */
  async run(isOver: () => boolean, limitMs: number): Promise<void> {
    const endMs = this.#nowMs + limitMs;
    while (!isOver()) {
      const [event] = this.#events;
      if (event === undefined || event.atMs > endMs) return;
      pop(this.#events);
      this.#nowMs = Math.max(this.#nowMs, event.atMs);
      if (event.isCancelled || event.machine.isDead) continue;
      if (event.machine.standsStillUntilMs > this.#nowMs) {
        this.#postpone(event);
        continue;
      }
      this.#machine = event.machine;
      event.run();
      await settled();
    }
  }

  #postpone(event: TimedEvent): void {
    const { hearsNetworkFirst, standsStillUntilMs: atMs } = event.machine;
    const rank = (event.kind === "network") === hearsNetworkFirst ? 0 : 1;
    // Cancelling goes by identity, so the event itself moves.
    push(this.#events, Object.assign(event, { atMs, rank }));
  }
}

/**
 * Puts simulated time in the place of the process' own: clocks and timers of whatever runs are those of `current`, while
 * there is one. The answer puts everything back.
 */
export function installTime(current: () => VirtualTime | undefined): () => void {
  const real = {
    setTimeout,
    clearTimeout,
    now: performance.now.bind(performance),
    date: Date.now,
    wait: timers.setTimeout,
  };
  const clear = (timer: unknown): void => {
    if (timer instanceof VirtualTimer) timer.cancel();
    else real.clearTimeout(timer as NodeJS.Timeout);
  };
  const begin = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): unknown => {
    const time = current();
    return time === undefined
      ? real.setTimeout(run, ms, ...args)
      : new VirtualTimer(time.after(ms, () => run(...args)));
  };
  const wait = (ms = 0, value?: unknown, options: WaitOptions = {}): Promise<unknown> => {
    const time = current();
    return time === undefined ? real.wait(ms, value, options) : waitIn(time, ms, value, options);
  };
  Object.assign(globalThis, { setTimeout: begin, clearTimeout: clear });
  Object.assign(performance, { now: () => current()?.now() ?? real.now() });
  Object.assign(Date, { now: () => current()?.wallMs() ?? real.date() });
  Object.assign(timers, { setTimeout: wait });
  syncBuiltinESMExports();
  return () => {
    Object.assign(globalThis, { setTimeout: real.setTimeout, clearTimeout: real.clearTimeout });
    Reflect.deleteProperty(performance, "now");
    Object.assign(Date, { now: real.date });
    Object.assign(timers, { setTimeout: real.wait });
    syncBuiltinESMExports();
  };
}

function waitIn(time: VirtualTime, ms: number, value: unknown, { signal }: WaitOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const cancel = time.after(ms, () => {
      signal?.removeEventListener("abort", stop);
      resolve(value);
    });
    const stop = (): void => {
      cancel();
      reject(new DOMException("The operation was aborted", "AbortError"));
    };
    if (signal?.aborted === true) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** What `setTimeout` answers. */
class VirtualTimer {
  readonly cancel: () => void;

  constructor(cancel: () => void) {
    this.cancel = cancel;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

/** Once everything that follows from an event without waiting has run: promises, and the promises behind them. */
async function settled(): Promise<void> {
  await new Promise<void>((resolve) => process.nextTick(resolve));
}

function isBefore(left: TimedEvent, right: TimedEvent): boolean {
  if (left.atMs !== right.atMs) return left.atMs < right.atMs;
  return left.rank === right.rank ? left.number < right.number : left.rank < right.rank;
}

/** A binary heap, the next event first. */
function push(heap: TimedEvent[], event: TimedEvent): void {
  let at = heap.length;
  heap.push(event);
  while (at > 0) {
    const parentAt = (at - 1) >> 1;
    const parent = heap[parentAt];
    if (parent === undefined || !isBefore(event, parent)) break;
    heap[at] = parent;
    at = parentAt;
  }
  heap[at] = event;
}

function pop(heap: TimedEvent[]): TimedEvent | undefined {
  const [first] = heap;
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
    const isRight = left !== undefined && right !== undefined && isBefore(right, left);
    const child = isRight ? right : left;
    if (child === undefined || !isBefore(child, last)) break;
    heap[at] = child;
    at = 2 * at + (isRight ? 2 : 1);
  }
  heap[at] = last;
  return first;
}
