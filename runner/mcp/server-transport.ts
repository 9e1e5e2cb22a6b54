// What carries the messages of one MCP connection, and knows why it ended.
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { TransientFailure } from "../../contracts/failure.ts";

/** The SDK's transport, and the reason for which it ended: the SDK itself only says "Connection closed". */
export interface ServerTransport extends Transport {
  /** Why the connection ended, or undefined while it stands and after a close that we wanted. */
  failure(): TransientFailure | undefined;
  end(how: "politely" | "now"): Promise<void>;
}
