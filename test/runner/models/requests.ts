// Builders for model tests: endpoints and requests that show only what matters.
import { type AddressInfo, createServer } from "node:net";
import type { ModelEndpointSpec } from "../../../contracts/kinds/model-endpoint.ts";
import type { Model, ModelRequest } from "../../../runner/models/model.ts";
import { openModel } from "../../../runner/models/open-model.ts";
import { resolveHost } from "../../../runner/tools/checked-request.ts";

export function open(
  spec: Readonly<Record<string, unknown>>,
  apiKey: string | undefined = "sk-canary",
  resolve = resolveHost,
): Promise<Model> {
  const full = { default_model: "m", auth: { secret_ref: "keys:model" }, ...spec } as unknown as ModelEndpointSpec;
  const endpoint = { namespace: "default", name: "main", spec: full, ...(apiKey === "" ? {} : { apiKey }) };
  return openModel(endpoint, { privateHosts: ["trusted.test"], resolve });
}

export function request(text: string, more: Partial<ModelRequest> = {}): ModelRequest {
  return {
    model: "m",
    agent: "writer",
    turn: 1,
    system: "You write.",
    messages: [{ role: "user", text }],
    tools: [],
    maxOutputTokens: 1_000,
    ...more,
  };
}

export const SEARCH = {
  name: "memory.search",
  description: "Looks something up",
  inputSchema: { type: "object", properties: { query: { type: "string" } } },
};

/** A port that was free a moment ago. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
