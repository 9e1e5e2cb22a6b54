// Offers tools over standard input and output, until the client or the signal ends it.
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { openOfferServer } from "./offer-server.ts";
import type { Offer } from "./offered-tool.ts";

/** A client that has said all that it wants still gets its answers. Nothing else may write to standard output meanwhile. */
export async function serveStdio(offer: Offer, signal: AbortSignal): Promise<void> {
  const { server, idle } = openOfferServer(offer);
  const ended = new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
    for (const event of ["end", "close"]) process.stdin.once(event, () => resolve());
  });
  await server.connect(new StdioServerTransport());
  if (!signal.aborted) await ended;
  if (!signal.aborted) await idle();
  await server.close();
}
