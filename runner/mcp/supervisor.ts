// Keeps the MCP servers of one runner: each started on first use, shared, stopped when idle, and all ended by `close`.
import { TransientFailure } from "../../contracts/failure.ts";
import type { ServerPlan } from "./server-plan.ts";
import { type ServerHandle, SharedServer } from "./shared-server.ts";

export class McpSupervisor {
  readonly #servers = new Map<string, SharedServer>();
  readonly #closing = new AbortController();

  /** Starts the server unless it runs. An abort ends the wait, not the server: others may wait for it too. */
  acquire(plan: ServerPlan, signal: AbortSignal): Promise<ServerHandle> {
    if (this.#closing.signal.aborted) {
      return Promise.reject(new TransientFailure("RUNNER_STOPPING", `${plan.label} is not started: the runner stops`));
    }
    return this.#serverFor(plan).acquire(signal);
  }

  /** Ends every server with its whole group. Safe to call twice. */
  async close(): Promise<void> {
    this.#closing.abort(new TransientFailure("RUNNER_STOPPING", "the runner stops"));
    await Promise.all([...this.#servers.values()].map((server) => server.stop()));
    this.#servers.clear();
  }

  #serverFor(plan: ServerPlan): SharedServer {
    const known = this.#servers.get(plan.key);
    if (known !== undefined) return known;
    const made = new SharedServer(plan, this.#closing.signal, () => this.#servers.delete(plan.key));
    this.#servers.set(plan.key, made);
    return made;
  }
}
