// What an MCP server is started from, as one digest: tells whether something seen of it was seen of this spec.
import { type Digest, digestOf } from "./canonical.ts";
import type { McpServerSpec } from "./kinds/mcp-server.ts";

/** Pins apart: they say what is expected of the server, and change nothing about it. */
export function launchDigest({ pins: _pins, ...spec }: McpServerSpec): Digest {
  return digestOf(spec);
}
