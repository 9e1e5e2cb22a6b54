// Keeps the MCP servers of one runner: each started on first use, shared, stopped when idle, and all ended by `close`.
import { TransientFailure } from "../../contracts/failure.ts";
import type { Tools } from "./running-server.ts";
import type { ServerPlan } from "./server-plan.ts";
import { type ServerHandle, SharedServer } from "./shared-server.ts";

interface Kept {
  readonly server: SharedServer;
  readonly definition: string;
  readonly key: string;
}

export class McpSupervisor {
  readonly #servers = new Map<string, Kept>();
  readonly #closing = new AbortController();

  /**
   * Starts the server unless it runs. An abort ends the wait, not the server: others may wait for it too. `pinned`: the
   * definitions that the caller knows already, of the same server with other secrets.
   */
  acquire(plan: ServerPlan, signal: AbortSignal, pinned?: Tools): Promise<ServerHandle> {
    if (this.#closing.signal.aborted) {
      return Promise.reject(new TransientFailure("RUNNER_STOPPING", `${plan.label} is not started: the runner stops`));
    }
    // Whoever has an older value of a secret keeps it no longer than it has users.
    for (const { server, definition, key } of this.#servers.values()) {
      if (definition === plan.definition && key !== plan.key) server.supersede();
    }
    return this.#serverFor(plan).acquire(signal, pinned);
  }

  /** Ends every server with its whole group. Safe to call twice. */
  async close(): Promise<void> {
    this.#closing.abort(new TransientFailure("RUNNER_STOPPING", "the runner stops"));
    await Promise.all([...this.#servers.values()].map(({ server }) => server.stop()));
    this.#servers.clear();
  }

  #serverFor(plan: ServerPlan): SharedServer {
    const { key, definition } = plan;
    const known = this.#servers.get(key);
    if (known !== undefined) return known.server;
    const forget = (): void => {
      if (this.#servers.get(key)?.server === server) this.#servers.delete(key);
    };
    const server = new SharedServer(plan, this.#closing.signal, forget);
    this.#servers.set(key, { server, definition, key });
    return server;
  }
}
