// One MCP server that several activations share: single flight at start, a count of users, an idle timer.
import { digestOf } from "../../contracts/canonical.ts";
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import type { McpCallOptions, McpCallResult, McpClient, McpToolDescription } from "./mcp-client.ts";
import type { ServerPlan } from "./server-plan.ts";
import { startServer } from "./start-server.ts";

/** A user's hold on the server: it is not stopped for being idle before every handle is released. */
export interface ServerHandle {
  /** As discovered when the handle was made; calls are held to these definitions. */
  readonly tools: readonly McpToolDescription[];
  /** Starts the server again if it has ended since. */
  call(tool: string, args: Readonly<Record<string, unknown>>, options: McpCallOptions): Promise<McpCallResult>;
  release(): void;
}

interface Running {
  readonly client: McpClient;
  readonly tools: readonly McpToolDescription[];
  calls: number;
  retired: boolean;
}

export class SharedServer {
  readonly #plan: ServerPlan;
  readonly #closing: AbortSignal;
  readonly #onUnused: () => void;
  readonly #alive = new Set<Running>();
  #current: Promise<Running> | undefined;
  #users = 0;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(plan: ServerPlan, closing: AbortSignal, onUnused: () => void) {
    this.#plan = plan;
    this.#closing = closing;
    this.#onUnused = onUnused;
  }

  async acquire(signal: AbortSignal): Promise<ServerHandle> {
    this.#users += 1;
    clearTimeout(this.#idleTimer);
    try {
      const { tools } = await unlessAborted(this.#running(), signal);
      return this.#handle(tools);
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  /** Ends whatever runs, or is about to. */
  async stop(): Promise<void> {
    clearTimeout(this.#idleTimer);
    await this.#current?.catch(() => undefined);
    await Promise.all([...this.#alive].map(({ client }) => client.close("politely")));
  }

  #handle(tools: readonly McpToolDescription[]): ServerHandle {
    let held = true;
    return {
      tools,
      call: (tool, args, options) => this.#call(tools, tool, args, options),
      release: () => {
        if (held) this.#leave();
        held = false;
      },
    };
  }

  #leave(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    if (this.#current === undefined) return this.#onUnused();
    if (this.#plan.idleMs === 0) return;
    this.#idleTimer = setTimeout(() => void this.#stopIdle(), this.#plan.idleMs);
    this.#idleTimer.unref();
  }

  async #stopIdle(): Promise<void> {
    this.#onUnused();
    await this.stop();
  }

  #running(): Promise<Running> {
    this.#current ??= this.#start();
    return this.#current;
  }

  #start(): Promise<Running> {
    const starting = startServer(this.#plan, this.#closing).then((started) => {
      const running = { ...started, calls: 0, retired: false };
      this.#alive.add(running);
      running.client.onClosed(() => {
        this.#alive.delete(running);
        this.#forget(starting);
      });
      return running;
    });
    starting.catch(() => this.#forget(starting));
    return starting;
  }

  #forget(which: Promise<Running>): void {
    if (this.#current !== which) return;
    this.#current = undefined;
    if (this.#users > 0) return;
    clearTimeout(this.#idleTimer);
    this.#onUnused();
  }

  async #call(
    pinned: readonly McpToolDescription[],
    tool: string,
    args: Readonly<Record<string, unknown>>,
    options: McpCallOptions,
  ): Promise<McpCallResult> {
    const current = this.#running();
    const running = await unlessAborted(current, options.signal);
    if (running.tools !== pinned) requireSameDefinition(this.#plan.label, tool, pinned, running.tools);
    running.calls += 1;
    try {
      return await running.client.callTool(tool, args, options);
    } catch (error) {
      if (isUnanswered(error, options.signal)) this.#retire(current, running);
      throw error;
    } finally {
      running.calls -= 1;
      if (running.retired && running.calls === 0) void running.client.close("now");
    }
  }

  /**
   * A server that was told to stop a call, or is late with one, may still be at work on it, after the lease is gone. It
   * gets no new calls, and is killed once the calls of others have ended; the next user gets a fresh process.
   */
  #retire(current: Promise<Running>, running: Running): void {
    running.retired = true;
    this.#forget(current);
  }
}

function isUnanswered(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted || (error instanceof TransientFailure && error.code === "MCP_TIMEOUT");
}

/** A task runs with the definitions that it started with: a server that came back different is not asked. */
function requireSameDefinition(
  label: string,
  tool: string,
  pinned: readonly McpToolDescription[],
  offered: readonly McpToolDescription[],
): void {
  const before = pinned.find(({ name }) => name === tool);
  const now = offered.find(({ name }) => name === tool);
  if (before !== undefined && now !== undefined && digestOf(before) === digestOf(now)) return;
  const how = now === undefined ? "is gone" : "has another definition";
  throw new PermanentFailure("TOOL_DRIFTED", `tool \`${tool}\` of ${label} ${how} since this activation began`);
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let abort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (abort !== undefined) signal.removeEventListener("abort", abort);
  }
}
