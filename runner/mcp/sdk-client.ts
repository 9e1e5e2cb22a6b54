// Speaks MCP of 2025-11-25 and before through the SDK's client, and translates its errors once. The SDK (200 ms to import) is loaded on first use.
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { CallToolResult, ListToolsResult } from "@modelcontextprotocol/sdk/types.js";
import { PermanentFailure, TransientFailure, withoutEffect } from "../../contracts/failure.ts";
import { cutText } from "../bound-text.ts";
import { renderContent } from "./content.ts";
import { describeTool } from "./describe-tool.ts";
import { ElicitationDesk } from "./elicitation.ts";
import { MCP_LIMITS } from "./limits.ts";
import type { McpCallOptions, McpCallResult, McpClient, McpToolDescription } from "./mcp-client.ts";
import { capabilitiesOf, type McpPeer } from "./mcp-peer.ts";
import { IDEMPOTENCY_META, withNeutralAbort } from "./neutral-abort.ts";
import { ProgressEar } from "./progress.ts";
import type { ServerTransport } from "./server-transport.ts";

/** Starts the transport and shakes hands. Whatever fails, nothing is left running. */
export async function connectClient(
  peer: McpPeer,
  transport: ServerTransport,
  signal: AbortSignal,
): Promise<McpClient> {
  const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
  const client = new Client({ name: "countwheel", version: "0.1.0" }, { capabilities: capabilitiesOf(peer) });
  const elicitation = new ElicitationDesk();
  const connected = new SdkClient(peer.label, client, { transport, elicitation });
  if (peer.answersForms) await answerForms(client, elicitation);
  try {
    await withNeutralAbort(signal, (neutral) =>
      client.connect(transport, { signal: neutral, timeout: MCP_LIMITS.startMs }),
    );
  } catch (error) {
    await transport.end("now");
    throw withoutEffect(connected.translate(error, signal, "did not start"));
  }
  return connected;
}

async function answerForms(client: Client, elicitation: ElicitationDesk): Promise<void> {
  const { ElicitRequestSchema } = await import("@modelcontextprotocol/sdk/types.js");
  // The SDK refuses forms that are none, and pages (`url`), before.
  client.setRequestHandler(ElicitRequestSchema, ({ params }) =>
    elicitation.answer(params.message, "requestedSchema" in params ? params.requestedSchema : undefined),
  );
}

interface Connection {
  readonly transport: ServerTransport;
  readonly elicitation: ElicitationDesk;
}

class SdkClient implements McpClient {
  readonly #label: string;
  readonly #client: Client;
  readonly #transport: ServerTransport;
  readonly #elicitation: ElicitationDesk;
  readonly #progress: ProgressEar;

  constructor(label: string, client: Client, { transport, elicitation }: Connection) {
    this.#elicitation = elicitation;
    this.#progress = new ProgressEar(transport);
    this.#label = label;
    this.#client = client;
    this.#transport = transport;
  }

  async listTools(signal: AbortSignal): Promise<readonly McpToolDescription[]> {
    const tools: McpToolDescription[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < MCP_LIMITS.pages; page += 1) {
      const answer = await this.#listPage(cursor, signal);
      tools.push(...answer.tools.map(describeTool));
      if (tools.length > MCP_LIMITS.tools)
        throw this.#permanent("MCP_TOO_MANY_TOOLS", `offers more than ${MCP_LIMITS.tools} tools`);
      cursor = answer.nextCursor;
      if (cursor === undefined) return tools;
    }
    throw this.#permanent("MCP_TOO_MANY_TOOLS", `has more than ${MCP_LIMITS.pages} pages of tools`);
  }

  async callTool(
    name: string,
    args: Readonly<Record<string, unknown>>,
    { signal, timeoutMs, idempotencyKey, onProgress, noteElicited }: McpCallOptions,
  ): Promise<McpCallResult> {
    const { CallToolResultSchema, McpError } = await import("@modelcontextprotocol/sdk/types.js");
    const request = (meta: Readonly<Record<string, unknown>>, neutral: AbortSignal): Promise<CallToolResult> => {
      const params = { name, arguments: { ...args }, _meta: { ...meta, [IDEMPOTENCY_META]: idempotencyKey } };
      // Not client.callTool: that one refuses results that do not fit the server's own output schema.
      const options = { signal: neutral, timeout: timeoutMs };
      return this.#client.request({ method: "tools/call", params }, CallToolResultSchema, options);
    };
    try {
      const result = await this.#elicitation.during(noteElicited, () =>
        this.#progress.during(onProgress, (meta) => withNeutralAbort(signal, (neutral) => request(meta, neutral))),
      );
      return { text: renderContent(result), isError: result.isError === true };
    } catch (error) {
      const answered = error instanceof McpError && !signal.aborted && !this.#isOurs(error.code);
      if (answered) return { text: error.message, isError: true };
      throw this.translate(error, signal, `did not answer the call of \`${name}\``);
    }
  }

  async close(how: "politely" | "now"): Promise<void> {
    await this.#transport.end(how);
  }

  onClosed(listener: () => void): void {
    if (this.#client.transport === undefined) listener();
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK offers nothing else
    else this.#client.onclose = listener;
  }

  onToolsChanged(listener: () => void): void {
    this.#client.fallbackNotificationHandler = ({ method }) => {
      if (method === "notifications/tools/list_changed") listener();
      return Promise.resolve();
    };
  }

  /** The one place that knows the SDK's errors. */
  translate(error: unknown, signal: AbortSignal, what: string): unknown {
    if (signal.aborted) return signal.reason;
    if (error instanceof PermanentFailure || error instanceof TransientFailure) return error;
    const known = this.#transport.failure();
    if (known !== undefined) return known;
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === REQUEST_TIMEOUT) return new TransientFailure("MCP_TIMEOUT", `${this.#label} ${what} in time`);
    if (code === CONNECTION_CLOSED)
      return new TransientFailure("MCP_CLOSED", `${this.#label} ${what}: connection closed`);
    const text = error instanceof Error ? cutText(error.message, 500) : "";
    return new TransientFailure("MCP_MALFORMED", `${this.#label} ${what}: ${text}`, { cause: error });
  }

  async #listPage(cursor: string | undefined, signal: AbortSignal): Promise<ListToolsResult> {
    const { ListToolsResultSchema } = await import("@modelcontextprotocol/sdk/types.js");
    const params = cursor === undefined ? {} : { cursor };
    try {
      return await withNeutralAbort(signal, (neutral) =>
        this.#client.request({ method: "tools/list", params }, ListToolsResultSchema, {
          signal: neutral,
          timeout: MCP_LIMITS.listMs,
        }),
      );
    } catch (error) {
      throw withoutEffect(this.translate(error, signal, "did not list its tools"));
    }
  }

  /** The SDK makes these two itself for lack of an answer; a server may send the first as an error of its own. */
  #isOurs(code: number): boolean {
    return code === REQUEST_TIMEOUT || (code === CONNECTION_CLOSED && this.#client.transport === undefined);
  }

  #permanent(code: string, what: string): PermanentFailure {
    return new PermanentFailure(code, `${this.#label} ${what}`);
  }
}

const CONNECTION_CLOSED = -32000;
const REQUEST_TIMEOUT = -32001;
