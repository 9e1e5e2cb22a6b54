// An MCP server as it is to be run: what the supervisor needs of it, and nothing of its manifest.
import type { McpClient } from "./mcp-client.ts";

export interface ServerPlan {
  /** The same for plans that may share a process: definition and resolved environment, hashed. */
  readonly key: string;
  /** The same for plans of one definition, whatever values its secrets have: of these, the newest one counts. */
  readonly definition: string;
  /** For people: `McpServer default/files`. */
  readonly label: string;
  /** 0: never stopped for being idle. */
  readonly idleMs: number;
  /** Tries to start it, the first included. */
  readonly attempts: number;
  readonly backoffMs: number;
  connect(signal: AbortSignal): Promise<McpClient>;
}
