// Servers of the SDK's second generation over HTTP on loopback, which speak 2026-07-28 and the revisions before.
import { Readable } from "node:stream";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { type LoopbackServer, serve } from "../tools/http-server.ts";

/** `offer` is asked for each connection. */
export function serveModern(offer: (server: McpServer, era: string) => void): Promise<LoopbackServer> {
  const handler = createMcpHandler(({ era }) => {
    const server = new McpServer({ name: "modern", version: "1" });
    offer(server, era);
    return server;
  });
  return serve(async (response, { path, method, headers, body }) => {
    const bodied = method === "POST" ? { body } : {};
    const given = Object.entries(headers).flatMap(([name, value]) =>
      typeof value === "string" ? [[name, value]] : [],
    );
    const request = new Request(`http://localhost${path}`, {
      method,
      headers: Object.fromEntries(given) as Record<string, string>,
      ...bodied,
    });
    const answer = await handler.fetch(request);
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    if (answer.body === null) response.end();
    else Readable.fromWeb(answer.body).pipe(response);
  });
}
