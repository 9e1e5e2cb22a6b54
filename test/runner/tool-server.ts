// A loopback HTTP tool that counts its calls by idempotency key and tells when one arrives.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Manifest } from "../../contracts/manifest.ts";
import { manifest } from "./world.ts";

export interface ToolServer {
  readonly url: string;
  /** Idempotency keys, in the order of the calls. */
  readonly keys: readonly string[];
  /** The next call that arrives after this was asked; it is answered when `answer` is called. */
  nextCall(): Promise<{ answer(): void }>;
  /** From now on calls are answered at once: with this text, or with their number. */
  answerAtOnce(text?: string): void;
  tool(name: string, spec?: Readonly<Record<string, unknown>>): Manifest;
  close(): Promise<void>;
}

export async function openToolServer(): Promise<ToolServer> {
  const keys: string[] = [];
  const waiting: ((call: { answer(): void }) => void)[] = [];
  let atOnce = false;
  let said: string | undefined;
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    request.resume();
    request.once("end", () => {
      keys.push(String(request.headers["idempotency-key"]));
      const answer = (): void => void response.end(said ?? JSON.stringify({ call: keys.length }));
      const next = waiting.shift();
      if (next !== undefined) next({ answer });
      else if (atOnce) answer();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/`;
  return {
    url,
    keys,
    nextCall: () => new Promise((resolve) => void waiting.push(resolve)),
    answerAtOnce: (text) => {
      atOnce = true;
      said = text;
    },
    tool: (name, spec = {}) => manifest("Tool", name, { type: "http", endpoint: url, description: name, ...spec }),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
