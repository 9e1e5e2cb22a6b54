// The leases that a runner holds, by task: whoever says that something became of a task makes them look at once.
import { taskId } from "../contracts/new-task.ts";
import type { TaskRef } from "../contracts/task.ts";
import type { Lease } from "./lease.ts";

export class Holdings {
  readonly #leases = new Map<string, Set<Pick<Lease, "lookNow">>>();

  add(task: TaskRef, lease: Pick<Lease, "lookNow">): void {
    const leases = this.#leases.get(taskId(task)) ?? new Set();
    this.#leases.set(taskId(task), leases.add(lease));
  }

  remove(task: TaskRef, lease: Pick<Lease, "lookNow">): void {
    const leases = this.#leases.get(taskId(task));
    leases?.delete(lease);
    if (leases?.size === 0) this.#leases.delete(taskId(task));
  }

  /** What was said decides nothing: the leases ask the store. */
  lookNow(task: TaskRef): void {
    for (const lease of this.#leases.get(taskId(task)) ?? []) lease.lookNow();
  }
}
