// Asks a server on stdio, before anything else, whether it speaks MCP of 2026-07-28. Those that do not know the question
// say so, or nothing, and are spoken to as before on the same pipe.
import type { DiscoverResult } from "@modelcontextprotocol/client";
import { unlessAborted } from "../../unless-aborted.ts";
import { MODERN_PROTOCOL } from "../modern-client.ts";
import type { ServerTransport } from "../server-transport.ts";

export type Probed =
  | { readonly era: "modern"; readonly discovered: DiscoverResult }
  /** `why`: what it said instead, for people. */
  | { readonly era: "legacy"; readonly why: string }
  /** It is gone: some servers end at a question that they do not expect. */
  | { readonly era: "ended" };

/** Distinct from ids of the SDKs, which count: an answer that comes late is an answer to nothing. */
const PROBE_ID = "countwheel-probe";

/** Starts the transport, and leaves it started. Throws what starting throws, or the signal's reason. */
export async function probeServer(transport: ServerTransport, waitMs: number, signal: AbortSignal): Promise<Probed> {
  signal.throwIfAborted();
  let settle: ((probed: Probed) => void) | undefined;
  const answered = new Promise<Probed>((resolve) => {
    settle = resolve;
  });
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => settle?.({ era: "ended" });
  signal.addEventListener("abort", stop, { once: true });
  const hear = (message: unknown): void => {
    const probed = readAnswer(message);
    if (probed !== undefined) settle?.(probed);
  };
  Object.assign(transport, { onclose: stop, onerror: stop, onmessage: hear });
  try {
    await unlessAborted(() => transport.start(), signal);
    // Only now: its image may have been pulled first.
    timer = setTimeout(() => settle?.({ era: "legacy", why: `it said nothing for ${waitMs} ms` }), waitMs);
    // Where the pipe breaks at once, the transport says why when it is used next.
    await transport.send(QUESTION).catch(stop);
    const probed = await answered;
    signal.throwIfAborted();
    return probed;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    delete transport.onclose;
    delete transport.onerror;
    delete transport.onmessage;
  }
}

const QUESTION = {
  jsonrpc: "2.0" as const,
  id: PROBE_ID,
  method: "server/discover",
  params: {
    _meta: {
      "io.modelcontextprotocol/protocolVersion": MODERN_PROTOCOL,
      "io.modelcontextprotocol/clientInfo": { name: "countwheel", version: "0.1.0" },
      "io.modelcontextprotocol/clientCapabilities": {},
    },
  },
};

function readAnswer(message: unknown): Probed | undefined {
  const { id, result, error } = fieldsOf(message);
  if (id !== PROBE_ID) return undefined;
  const versions = fieldsOf(result)["supportedVersions"];
  if (Array.isArray(versions) && versions.includes(MODERN_PROTOCOL))
    return { era: "modern", discovered: result as DiscoverResult };
  if (Array.isArray(versions)) return { era: "legacy", why: `it speaks ${versions.join(", ")}` };
  const { message: why } = fieldsOf(error);
  return { era: "legacy", why: typeof why === "string" ? why : "it did not say which revisions it speaks" };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
