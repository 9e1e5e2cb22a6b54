// One MCP server that several activations share: single flight at start, a count of users, an idle timer.
import { PermanentFailure } from "../../contracts/failure.ts";
import { unlessAborted } from "../unless-aborted.ts";
import type { McpCallOptions, McpCallResult } from "./mcp-client.ts";
import type { RunningServer, Tools } from "./running-server.ts";
import type { ServerPlan } from "./server-plan.ts";
import { startServer } from "./start-server.ts";

/** A user's hold on the server: it is not stopped for being idle before every handle is released. */
export interface ServerHandle {
  /** As discovered when the handle was made; calls are held to these definitions. */
  readonly tools: Tools;
  /** Starts the server again if it has ended since. */
  call(tool: string, args: Readonly<Record<string, unknown>>, options: McpCallOptions): Promise<McpCallResult>;
  release(): void;
}

export class SharedServer {
  readonly #plan: ServerPlan;
  readonly #closing: AbortSignal;
  readonly #onUnused: () => void;
  readonly #alive = new Set<RunningServer>();
  #current: Promise<RunningServer> | undefined;
  #users = 0;
  #isSuperseded = false;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(plan: ServerPlan, closing: AbortSignal, onUnused: () => void) {
    this.#plan = plan;
    this.#closing = closing;
    this.#onUnused = onUnused;
  }

  /** `pinned`: see `McpSupervisor.acquire`. */
  async acquire(signal: AbortSignal, pinned?: Tools): Promise<ServerHandle> {
    this.#users += 1;
    this.#isSuperseded = false;
    clearTimeout(this.#idleTimer);
    try {
      const tools = await unlessAborted(() => this.#currentTools(), signal);
      return this.#handle(pinned ?? tools);
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  /** Another value of its secrets counts now: it ends once nobody uses it, however long it may be idle. */
  supersede(): void {
    this.#isSuperseded = true;
    if (this.#users === 0) void this.#stopSuperseded();
  }

  /** Ends whatever runs, or is about to. */
  async stop(): Promise<void> {
    clearTimeout(this.#idleTimer);
    await this.#current?.catch(() => undefined);
    await Promise.all([...this.#alive].map((running) => running.close("politely")));
  }

  #handle(tools: Tools): ServerHandle {
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
    if (this.#isSuperseded) return void this.#stopSuperseded();
    if (this.#plan.idleMs === 0) return;
    this.#idleTimer = setTimeout(() => void this.#stopIdle(), this.#plan.idleMs);
    this.#idleTimer.unref();
  }

  async #stopIdle(): Promise<void> {
    this.#onUnused();
    await this.stop();
  }

  /** Calls that are under way come to their end. */
  async #stopSuperseded(): Promise<void> {
    clearTimeout(this.#idleTimer);
    this.#onUnused();
    await this.#current?.catch(() => undefined);
    for (const running of this.#alive) running.retire();
  }

  #running(): Promise<RunningServer> {
    this.#current ??= this.#start();
    return this.#current;
  }

  async #currentTools(): Promise<Tools> {
    const running = await this.#running();
    return running.tools();
  }

  #start(): Promise<RunningServer> {
    const starting = startServer(this.#plan, this.#closing);
    void this.#follow(starting);
    return starting;
  }

  /** Whatever becomes of it, an ended server is not the current one any more. */
  async #follow(starting: Promise<RunningServer>): Promise<void> {
    try {
      const running = await starting;
      this.#alive.add(running);
      running.onClosed(() => {
        this.#alive.delete(running);
        this.#forget(starting);
      });
    } catch {
      this.#forget(starting);
    }
  }

  #forget(which: Promise<RunningServer>): void {
    if (this.#current !== which) return;
    this.#current = undefined;
    if (this.#users > 0) return;
    clearTimeout(this.#idleTimer);
    this.#onUnused();
  }

  /**
   * A server that was told to stop a call, is late with one, or has lost its session may still be at work on it, after
   * the lease is gone. It gets no new calls, and is killed once the calls of others have ended; the next user gets a
   * fresh one.
   */
  async #call(
    pinned: Tools,
    tool: string,
    args: Readonly<Record<string, unknown>>,
    options: McpCallOptions,
  ): Promise<McpCallResult> {
    const current = this.#running();
    const running = await unlessAborted(() => current, options.signal);
    try {
      return await unlessAborted(() => running.call(pinned, tool, args, options), options.signal);
    } catch (error) {
      if (!isAtRest(error)) {
        this.#forget(current);
        running.retire();
      }
      throw error;
    }
  }
}

/** The call was not made, or has come back with a question that nobody answers: the server is at work on nothing. */
function isAtRest(error: unknown): boolean {
  return error instanceof PermanentFailure && ["TOOL_DRIFTED", "MCP_INPUT_REQUIRED"].includes(error.code);
}
