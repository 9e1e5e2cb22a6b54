// What carries the messages of one MCP connection of the revisions from 2026-07-28 on.
import type { Transport } from "@modelcontextprotocol/client";
import type { ServerTransport } from "./server-transport.ts";

/** As a ServerTransport, of the other SDK. */
export interface ModernTransport extends Transport, Pick<ServerTransport, "failure" | "end"> {}
