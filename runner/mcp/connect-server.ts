// Chooses the adapter for a server by the revision of MCP that its manifest names or that it answers to.
import { PermanentFailure, TransientFailure, withoutEffect } from "../../contracts/failure.ts";
import type { McpServerSpec } from "../../contracts/kinds/mcp-server.ts";
import { cutText } from "../bound-text.ts";
import { MCP_LIMITS } from "./limits.ts";
import type { McpClient } from "./mcp-client.ts";
import type { McpPeer } from "./mcp-peer.ts";
import { connectModern, MODERN_PROTOCOL } from "./modern-client.ts";
import type { ModernTransport } from "./modern-transport.ts";
import { connectClient } from "./sdk-client.ts";
import type { ServerTransport } from "./server-transport.ts";
import { probeServer } from "./stdio/probe.ts";

export type McpProtocol = NonNullable<McpServerSpec["protocol"]>;

type Connect = (signal: AbortSignal) => Promise<McpClient>;

/**
 * `open` makes a transport that is not started. Some servers end at a question that they do not know: what comes after such
 * an end is tried without it.
 */
export function stdioConnector(
  peer: McpPeer,
  protocol: McpProtocol,
  open: () => ServerTransport & ModernTransport,
): Connect {
  let isAsked = protocol !== "2025-11-25";
  return async (signal) => {
    const transport = open();
    if (!isAsked) return connectClient(peer, transport, signal);
    const probed = await probe(transport, protocol === "auto" ? MCP_LIMITS.probeMs : MCP_LIMITS.startMs, signal);
    if (probed.era === "modern") return connectModern(peer, transport, probed.discovered, signal);
    if (probed.era === "legacy" && protocol === "auto") return connectClient(peer, transport, signal);
    const failure = transport.failure();
    await transport.end("now");
    if (probed.era === "legacy") throw otherProtocol(peer.label, probed.why);
    isAsked = protocol !== "auto";
    throw withoutEffect(
      failure ?? new TransientFailure("MCP_CLOSED", `${peer.label} did not start: connection closed`),
    );
  };
}

async function probe(transport: ServerTransport, waitMs: number, signal: AbortSignal) {
  try {
    return await probeServer(transport, waitMs, signal);
  } catch (error) {
    await transport.end("now");
    throw withoutEffect(error);
  }
}

function otherProtocol(label: string, why: string): PermanentFailure {
  const text = `${label} does not speak MCP ${MODERN_PROTOCOL}: ${cutText(why, 300)}. Leave \`protocol\` out, or name the revision that it speaks`;
  return new PermanentFailure("MCP_PROTOCOL", text);
}

interface HttpTransports {
  readonly modern: () => Promise<ModernTransport>;
  readonly legacy: () => Promise<ServerTransport>;
}

export async function connectHttp(
  peer: McpPeer,
  protocol: McpProtocol,
  open: HttpTransports,
  signal: AbortSignal,
): Promise<McpClient> {
  if (protocol === "2025-11-25") return connectClient(peer, await open.legacy(), signal);
  try {
    return await connectModern(peer, await open.modern(), undefined, signal);
  } catch (error) {
    if (protocol !== "auto" || signal.aborted || !mayBeLegacy(error)) throw error;
    return connectClient(peer, await open.legacy(), signal);
  }
}

/** Whatever a server of the former revisions may answer to a question that it does not know. Silence is no answer. */
const ANSWERS: readonly string[] = ["MCP_PROTOCOL", "MCP_MALFORMED", "MCP_REFUSED", "MCP_CLOSED", "MCP_UNAVAILABLE"];

function mayBeLegacy(error: unknown): boolean {
  return (error instanceof PermanentFailure || error instanceof TransientFailure) && ANSWERS.includes(error.code);
}
