// Keeps the definitions of the snapshots that were used last, so that the activations of a task read them once.
import type { Snapshot } from "../contracts/snapshot.ts";
import { type Definitions, readDefinitions } from "./definitions.ts";

export class DefinitionCache {
  readonly #read: (digest: string) => Promise<Snapshot>;
  readonly #limit: number;
  /** In the order of use, the oldest first. A snapshot never changes, so an entry is never stale. */
  readonly #kept = new Map<string, Promise<Definitions>>();

  constructor(read: (digest: string) => Promise<Snapshot>, limit: number) {
    this.#read = read;
    this.#limit = limit;
  }

  get(digest: string): Promise<Definitions> {
    const kept = this.#kept.get(digest) ?? this.#load(digest);
    this.#kept.delete(digest);
    this.#kept.set(digest, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#limit) break;
      this.#kept.delete(oldest);
    }
    return kept;
  }

  #load(digest: string): Promise<Definitions> {
    const loading = this.#read(digest).then(readDefinitions);
    // A failed read must not be kept: the next activation asks again.
    loading.catch(() => this.#kept.delete(digest));
    return loading;
  }
}
