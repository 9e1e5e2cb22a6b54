// Speaks MCP of 2026-07-28 through the second generation of the SDK, and translates its errors once. It is loaded where a
// server speaks that revision.
import type { Client, DiscoverResult, McpSubscription, Tool } from "@modelcontextprotocol/client";
import { PermanentFailure, TransientFailure, withoutEffect } from "../../contracts/failure.ts";
import { cutText } from "../bound-text.ts";
import { waitUnlessAborted } from "../unless-aborted.ts";
import { renderContent } from "./content.ts";
import { describeTool } from "./describe-tool.ts";
import { answerInput, inputRequired } from "./elicitation.ts";
import { type Continuation, type RoundResult, untilComplete } from "./input-rounds.ts";
import { MCP_LIMITS } from "./limits.ts";
import type { McpCallOptions, McpCallResult, McpClient, McpToolDescription } from "./mcp-client.ts";
import { capabilitiesOf, type McpPeer } from "./mcp-peer.ts";
import type { ModernTransport } from "./modern-transport.ts";
import { IDEMPOTENCY_META, withNeutralAbort } from "./neutral-abort.ts";
import { ProgressEar } from "./progress.ts";

export const MODERN_PROTOCOL = "2026-07-28";

/**
 * `discovered`: what a server said that was asked already; otherwise it is asked. Whatever fails, nothing is left running.
 * A server of another revision is a PermanentFailure MCP_PROTOCOL.
 */
export async function connectModern(
  peer: McpPeer,
  transport: ModernTransport,
  discovered: DiscoverResult | undefined,
  signal: AbortSignal,
): Promise<McpClient> {
  const { Client } = await import("@modelcontextprotocol/client");
  const client = new Client(
    { name: "countwheel", version: "0.1.0" },
    {
      capabilities: capabilitiesOf(peer),
      versionNegotiation: { mode: { pin: MODERN_PROTOCOL } },
      listMaxPages: MCP_LIMITS.pages,
    },
  );
  const connected = new ModernClient(peer, client, transport);
  try {
    await withNeutralAbort(signal, (neutral) =>
      client.connect(transport, {
        signal: neutral,
        timeout: MCP_LIMITS.startMs,
        ...(discovered === undefined ? {} : { prior: { kind: "modern", discover: discovered } }),
      }),
    );
  } catch (error) {
    await transport.end("now");
    throw withoutEffect(connected.translate(error, signal, "did not start"));
  }
  return connected;
}

class ModernClient implements McpClient {
  readonly #peer: McpPeer;
  readonly #client: Client;
  readonly #transport: ModernTransport;
  readonly #progress: ProgressEar;
  /** As they were listed last: headers of a call may have to repeat some of its arguments. */
  #tools: ReadonlyMap<string, Tool> = new Map();
  #listening: Promise<McpSubscription | undefined> | undefined;
  #onToolsChanged: () => void = () => undefined;

  constructor(peer: McpPeer, client: Client, transport: ModernTransport) {
    this.#progress = new ProgressEar(transport);
    this.#peer = peer;
    this.#client = client;
    this.#transport = transport;
  }

  async listTools(signal: AbortSignal): Promise<readonly McpToolDescription[]> {
    // Before the list: what changes behind it is heard.
    await (this.#listening ??= this.#listen());
    const tools = await this.#list(signal);
    if (tools.length > MCP_LIMITS.tools)
      throw this.#permanent("MCP_TOO_MANY_TOOLS", `offers more than ${MCP_LIMITS.tools} tools`);
    this.#tools = new Map(tools.map((tool) => [tool.name, tool]));
    return tools.map(describeTool);
  }

  async callTool(
    name: string,
    args: Readonly<Record<string, unknown>>,
    options: McpCallOptions,
  ): Promise<McpCallResult> {
    const { ProtocolError } = await import("@modelcontextprotocol/client");
    const { signal, noteElicited } = options;
    const what = `did not answer the call of \`${name}\``;
    const asking = { what: `${this.#peer.label} ${what}`, note: this.#peer.answersForms ? noteElicited : undefined };
    try {
      const result = await untilComplete(
        this.#roundsOf(name, args, options),
        (method, params) => answerInput(asking, method, params),
        () => waitUnlessAborted(MCP_LIMITS.comeAgainMs, signal),
      );
      if (result === undefined)
        throw inputRequired(`${asking.what}: it asked for more ${MCP_LIMITS.inputRounds} times`);
      return { text: renderContent(result), isError: result.isError === true };
    } catch (error) {
      if (error instanceof ProtocolError && !signal.aborted) return { text: error.message, isError: true };
      throw this.translate(error, signal, what);
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
    this.#onToolsChanged = listener;
    this.#client.setNotificationHandler("notifications/tools/list_changed", () => listener());
  }

  /** The one place that knows this SDK's errors. */
  translate(error: unknown, signal: AbortSignal, what: string): unknown {
    if (signal.aborted) return signal.reason;
    const own = ownFailure(error) ?? this.#transport.failure();
    if (own !== undefined) return own;
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const text = error instanceof Error ? cutText(error.message, 500) : "";
    switch (code) {
      case "REQUEST_TIMEOUT":
        return new TransientFailure("MCP_TIMEOUT", `${this.#peer.label} ${what} in time`);
      case "CONNECTION_CLOSED":
      case "NOT_CONNECTED":
        return new TransientFailure("MCP_CLOSED", `${this.#peer.label} ${what}: connection closed`);
      case "ERA_NEGOTIATION_FAILED":
        return this.#permanent("MCP_PROTOCOL", `does not speak MCP ${MODERN_PROTOCOL}: ${text}`);
      case "LIST_PAGINATION_EXCEEDED":
        return this.#permanent("MCP_TOO_MANY_TOOLS", `has more than ${MCP_LIMITS.pages} pages of tools`);
      default:
        return new TransientFailure("MCP_MALFORMED", `${this.#peer.label} ${what}: ${text}`, { cause: error });
    }
  }

  /** All of them share the time of the call. */
  #roundsOf(
    name: string,
    args: Readonly<Record<string, unknown>>,
    { signal, timeoutMs, idempotencyKey, onProgress }: McpCallOptions,
  ): (more: Continuation) => Promise<RoundResult> {
    const untilMs = performance.now() + timeoutMs;
    const listed = this.#tools.get(name);
    // Without its output schema: by that the SDK would refuse results that do not fit it.
    const toolDefinition = { name, inputSchema: listed?.inputSchema ?? { type: "object" as const } };
    // Each has a token of its own: what it tells of its progress grows from round to round by itself.
    return (more) =>
      this.#progress.during(onProgress, (meta) => {
        const own = { ...meta, [IDEMPOTENCY_META]: idempotencyKey };
        const params = { name, arguments: { ...args }, _meta: own, ...more };
        const timeout = Math.max(1, untilMs - performance.now());
        return withNeutralAbort(signal, (neutral) =>
          this.#client.callTool(params, { signal: neutral, timeout, toolDefinition, allowInputRequired: true }),
        );
      });
  }

  async #list(signal: AbortSignal): Promise<readonly Tool[]> {
    try {
      const options = { timeout: MCP_LIMITS.listMs, cacheMode: "bypass" } as const;
      const { tools } = await withNeutralAbort(signal, (neutral) =>
        this.#client.listTools(undefined, { ...options, signal: neutral }),
      );
      return tools;
    } catch (error) {
      throw withoutEffect(this.translate(error, signal, "did not list its tools"));
    }
  }

  /** This revision tells of changes on a stream that the client asks for. A server that refuses it is one that never tells. */
  async #listen(): Promise<McpSubscription | undefined> {
    if (this.#client.getServerCapabilities()?.tools?.listChanged !== true) return undefined;
    try {
      const subscription = await this.#client.listen({ toolsListChanged: true }, { timeout: MCP_LIMITS.listenMs });
      void subscription.closed.then((how) => (how === "local" ? undefined : this.#missed()));
      return subscription;
    } catch {
      // What it offers is held against what is known at each list; that calls keep to it is the server's part here.
      return undefined;
    }
  }

  /** Nobody knows what changed since the stream ended: the tools are listed anew at the next call, behind a new stream. */
  #missed(): void {
    this.#listening = undefined;
    this.#onToolsChanged();
  }

  #permanent(code: string, what: string): PermanentFailure {
    return new PermanentFailure(code, `${this.#peer.label} ${what}`);
  }
}

const DEEPEST_CAUSE = 5;

/** The SDK wraps what its `fetch` throws. */
function ownFailure(error: unknown): PermanentFailure | TransientFailure | undefined {
  for (let cause = error, depth = 0; depth < DEEPEST_CAUSE; depth += 1) {
    if (cause instanceof PermanentFailure || cause instanceof TransientFailure) return cause;
    if (!(cause instanceof Error)) return undefined;
    cause = cause.cause ?? ("data" in cause ? Reflect.get(Object(cause.data), "cause") : undefined);
  }
  return undefined;
}
