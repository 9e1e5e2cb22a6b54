// One live connection to an MCP server: its tools as they are now, the calls under way, and its orderly end.
import { digestOf } from "../../contracts/canonical.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { McpCallOptions, McpCallResult, McpClient, McpToolDescription } from "./mcp-client.ts";

export type Tools = readonly McpToolDescription[];

export class RunningServer {
  readonly #label: string;
  readonly #client: McpClient;
  readonly #closing: AbortSignal;
  #listing: Promise<Tools> | undefined;
  #calls = 0;
  #retired = false;

  /** `closing` ends what is asked for on behalf of all users. */
  constructor(label: string, client: McpClient, closing: AbortSignal) {
    this.#label = label;
    this.#client = client;
    this.#closing = closing;
    client.onToolsChanged(() => {
      this.#listing = undefined;
    });
  }

  /** Listed once, and again after the server has said that they are others. The same array until then. */
  tools(): Promise<Tools> {
    this.#listing ??= this.#list();
    return this.#listing;
  }

  /** `pinned`: the definitions that the caller knows. */
  async call(
    pinned: Tools,
    tool: string,
    args: Readonly<Record<string, unknown>>,
    options: McpCallOptions,
  ): Promise<McpCallResult> {
    this.#calls += 1;
    try {
      requireSameDefinition(this.#label, tool, pinned, await this.tools());
      return await this.#client.callTool(tool, args, options);
    } finally {
      this.#calls -= 1;
      this.#endIfRetired();
    }
  }

  /** Ends the server as soon as no call is under way; nobody may begin another one. */
  retire(): void {
    this.#retired = true;
    this.#endIfRetired();
  }

  close(how: "politely" | "now"): Promise<void> {
    return this.#client.close(how);
  }

  onClosed(listener: () => void): void {
    this.#client.onClosed(listener);
  }

  async #list(): Promise<Tools> {
    try {
      return await this.#client.listTools(this.#closing);
    } catch (error) {
      this.#listing = undefined;
      throw error;
    }
  }

  #endIfRetired(): void {
    if (this.#retired && this.#calls === 0) void this.#client.close("now");
  }
}

/** A task runs with the definitions that it started with: a tool that is another one now is not called. */
function requireSameDefinition(label: string, tool: string, pinned: Tools, offered: Tools): void {
  if (offered === pinned) return;
  const before = pinned.find(({ name }) => name === tool);
  const now = offered.find(({ name }) => name === tool);
  if (before !== undefined && now !== undefined && digestOf(before) === digestOf(now)) return;
  const how = now === undefined ? "is gone" : "has another definition";
  throw new PermanentFailure("TOOL_DRIFTED", `tool \`${tool}\` of ${label} ${how} since this activation began`);
}
