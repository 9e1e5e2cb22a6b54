// Our own interface before the MCP SDK: what the runner needs of a server, whatever transport and protocol serve it.
import type { NoteElicited } from "../../contracts/elicited.ts";
import type { ToolProgress } from "../../contracts/tool-progress.ts";

export interface McpToolDescription {
  /** As the server names it. */
  readonly name: string;
  readonly description: string;
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly annotations: McpToolAnnotations;
}

/** Hints of the server. They are claims: a manifest's own `effect` and `operation_classes` go before them. */
export interface McpToolAnnotations {
  readonly readOnlyHint?: boolean;
  readonly idempotentHint?: boolean;
  readonly destructiveHint?: boolean;
}

export interface McpCallOptions {
  readonly signal: AbortSignal;
  /** For the whole call; progress does not extend it. */
  readonly timeoutMs: number;
  readonly idempotencyKey: string;
  /** Called as often as the server tells of progress that grows. Absent: it is not asked to. */
  readonly onProgress?: ((progress: ToolProgress) => void) | undefined;
  /** Asked before a question of the server is answered. Absent: none is. */
  readonly noteElicited?: NoteElicited | undefined;
}

export interface McpCallResult {
  readonly text: string;
  /** The server says that the call failed: a tool result with `isError`, or a JSON-RPC error. */
  readonly isError: boolean;
}

export interface McpClient {
  /** All pages. */
  listTools(signal: AbortSignal): Promise<readonly McpToolDescription[]>;
  /** Throws TransientFailure or PermanentFailure where no result came; an abort throws the signal's reason. */
  callTool(name: string, args: Readonly<Record<string, unknown>>, options: McpCallOptions): Promise<McpCallResult>;
  /** Ends the connection; a process is ended with its whole group. `now` leaves out the polite part. Never throws. */
  close(how: "politely" | "now"): Promise<void>;
  /** Called once, when the connection ends for whatever reason. */
  onClosed(listener: () => void): void;
  /** Called whenever the server says that its tools are others now. */
  onToolsChanged(listener: () => void): void;
}
