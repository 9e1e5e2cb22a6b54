// A queue of BullMQ's that is opened, and whose code is loaded, when it is first needed: most commands ring for nobody.
import type { Queue } from "bullmq";
import type { Redis } from "./connect.ts";

export class LazyQueue<Data = unknown> {
  readonly #make: () => Promise<Queue<Data>>;
  #queue: Promise<Queue<Data>> | undefined;

  constructor(redis: Redis, env: string, name: string) {
    this.#make = async () => (await import("./bull-queue.ts")).openBullQueue<Data>(redis, env, name);
  }

  open(): Promise<Queue<Data>> {
    this.#queue ??= this.#make();
    return this.#queue;
  }

  async close(): Promise<void> {
    await (await this.#queue)?.close();
  }
}
