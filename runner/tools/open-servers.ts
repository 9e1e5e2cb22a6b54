// The MCP servers that one tool box uses: each opened once, all given back together.
import { type ReachGround, reachOfServer } from "../../contracts/reach.ts";
import type { Reach } from "../../policies/request.ts";
import { holdServer } from "../mcp/current-handle.ts";
import { planServer, type ServerGround } from "../mcp/plan-server.ts";
import type { McpSupervisor } from "../mcp/supervisor.ts";
import type { Secrets } from "../secrets/secrets.ts";
import type { FoundServer } from "./find-manifest.ts";
import { type OpenServer, pinnedTexts, pinsOf } from "./mcp-tools.ts";

type Texts = ReturnType<typeof pinnedTexts>;

export interface ServerDeps {
  readonly mcp: McpSupervisor;
  readonly secrets: Secrets;
  readonly ground: ServerGround;
  /** Asked before a server is started or connected to: throws where policies do not let it. */
  readonly admit?: (server: FoundServer, reach: Reach) => Promise<void>;
  readonly hasSecret: ReachGround["hasSecret"];
  /** Hears of each server that opened, what pins of all its tools would hold, and what the pinned ones are. */
  readonly onOpened?: (server: FoundServer, pins: Readonly<Record<string, string>>, texts: Texts) => void;
}

export class OpenServers {
  readonly #deps: ServerDeps;
  readonly #signal: AbortSignal;
  readonly #opened = new Map<string, Promise<OpenServer>>();

  constructor(deps: ServerDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  open(server: FoundServer): Promise<OpenServer> {
    const key = `${server.namespace}/${server.name}`;
    const opened = this.#opened.get(key) ?? this.#acquire(server);
    this.#opened.set(key, opened);
    return opened;
  }

  async close(): Promise<void> {
    const opened = [...this.#opened.values()];
    this.#opened.clear();
    for (const server of await Promise.allSettled(opened)) {
      if (server.status === "fulfilled") server.value.handle.release();
    }
  }

  async #acquire(server: FoundServer): Promise<OpenServer> {
    const { mcp, secrets, ground, onOpened, admit, hasSecret } = this.#deps;
    const reach = reachOfServer(server.spec, { namespace: server.namespace, hasSecret });
    await admit?.(server, reach);
    const handle = await holdServer(mcp, () => planServer(server, secrets, ground), this.#signal);
    const opened = { server, handle, reach };
    onOpened?.(server, pinsOf(opened), pinnedTexts(opened));
    return opened;
  }
}
