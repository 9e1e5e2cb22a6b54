// The end of one activation on its way to the store: held back for a moment, so that it can be written in one piece with
// the first record of what this runner goes on with.

import type { ChainHead } from "../contracts/trace.ts";
import type { TraceRecord } from "../store/chain.ts";
import type { Ledger } from "../store/ledger.ts";
import type { Sent } from "./give-back.ts";

/**
 * What follows from a result waits for nothing but the code of this runner: whatever takes longer, a server that is
 * started or an answer of Redis, must not be what the result waits for.
 */
const HELD_BACK_MS = 0;

export type HandedOver =
  /** This runner has it. `wrote`: what was written with it. */
  | {
      readonly outcome: "goes-on";
      readonly wrote: TraceRecord | undefined;
      readonly head: ChainHead;
      readonly ledger: Ledger;
    }
  /** It was not granted. */
  | { readonly outcome: "stays" };

export class HandOver {
  readonly #send: (next: TraceRecord | undefined) => Promise<Sent>;
  readonly #timer: NodeJS.Timeout;
  #settled: Promise<HandedOver> | undefined;
  #sent: Sent | undefined;
  #tell: (sent: Sent | undefined) => void = () => undefined;
  /** Resolves once it is known what came of it; undefined: it failed. */
  readonly told: Promise<Sent | undefined>;

  constructor(send: (next: TraceRecord | undefined) => Promise<Sent>) {
    this.#send = send;
    this.told = new Promise((resolve) => {
      this.#tell = resolve;
    });
    // Whoever asks next is told of a failure.
    this.#timer = setTimeout(() => void this.settle().catch(() => undefined), HELD_BACK_MS);
  }

  /** What came of it; undefined: nothing yet, or it failed. */
  get sent(): Sent | undefined {
    return this.#sent;
  }

  /** Writes it, and `next` with it where nobody asked before. Throws what the store throws. */
  settle(next?: TraceRecord): Promise<HandedOver> {
    clearTimeout(this.#timer);
    return (this.#settled ??= this.#settle(next));
  }

  async #settle(next: TraceRecord | undefined): Promise<HandedOver> {
    try {
      this.#sent = await this.#send(next);
    } finally {
      this.#tell(this.#sent);
    }
    const { released } = this.#sent;
    if (released?.outcome !== "released" || released.goOn === undefined) return { outcome: "stays" };
    const { wroteNext, ledger } = released.goOn;
    return { outcome: "goes-on", wrote: wroteNext ? next : undefined, head: released.head, ledger };
  }
}
