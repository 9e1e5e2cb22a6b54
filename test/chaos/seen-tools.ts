// Tool servers on loopback that remember every call which reached them, take their time, and tell back the secret that they
// were given, which must not get anywhere.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { digestOf } from "../../contracts/canonical.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { ToolEffect } from "../../contracts/step.ts";
import type { SeenCall } from "../history/history.ts";
import { manifest } from "../runner/world.ts";

export const CANARY = "canary-51d09be2";

export interface SeenTools {
  readonly calls: readonly SeenCall[];
  readonly port: number;
  /** The manifests of tools and of their secret; `through` is the port of somebody in between. */
  tools(effects: Readonly<Record<string, ToolEffect>>, through?: number): readonly Manifest[];
  close(): Promise<void>;
}

export async function openSeenTools(latencyMs: () => number): Promise<SeenTools> {
  const calls: SeenCall[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => void chunks.push(chunk));
    request.once("end", () => {
      const args: unknown = JSON.parse(Buffer.concat(chunks).toString() || "{}");
      calls.push({ idempotencyKey: String(request.headers["idempotency-key"]), argumentsDigest: digestOf(args) });
      void wait(latencyMs()).then(() => response.end(`done, ${String(request.headers.authorization)}`));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    calls,
    port,
    tools: (effects, through = port) => [
      manifest("Secret", "key", { string_data: { value: CANARY } }),
      ...Object.entries(effects).map(([name, effect]) =>
        manifest("Tool", name, {
          type: "http",
          endpoint: `http://127.0.0.1:${through}/`,
          description: name,
          effect,
          auth: { secret_ref: "key" },
        }),
      ),
    ],
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
