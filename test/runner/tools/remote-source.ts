// A Tool that is reached over the network, as a runner of these tests would call it.
import type { Callbacks } from "../../../runner/tools/callbacks.ts";
import { resolveHost } from "../../../runner/tools/checked-request.ts";
import type { ContractSource } from "../../../runner/tools/http/contract-http.ts";
import { OAuthTokens } from "../../../runner/tools/oauth-tokens.ts";
import type { ToolCallContext } from "../../../runner/tools/tool.ts";
import { secretsWith, never as unaborted } from "../mcp/servers.ts";

export const KEY = "0123456789abcdef0123456789abcdef";

/** Of a runner none of whose tools answers later. */
export const NO_CALLBACKS: Callbacks = {
  begin: never,
  read: never,
  accept: never,
  close: never,
  drop: never,
  keep: never,
};

function never(): Promise<never> {
  return Promise.reject(new Error("no tool here answers later"));
}

export interface Means {
  /** What the resolver answers. */
  readonly names?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
}

export function contractSource(
  spec: Readonly<Record<string, unknown>>,
  { names = {}, secrets = { key: "s3cret" } }: Means = {},
): ContractSource {
  const resolve = (host: string) =>
    names[host] === undefined ? resolveHost(host) : Promise.resolve([{ address: names[host], family: 4 }]);
  const outbound = { allowPrivate: false, resolve };
  return {
    namespace: "default",
    tool: "orders.find",
    label: "Tool default/orders.find",
    spec,
    caller: { task: "default/weekly", namespace: "default", agent: "clerk" },
    outbound,
    credentials: {
      secrets: secretsWith(secrets),
      tokens: new OAuthTokens(() => performance.now()),
      outbound: () => outbound,
    },
  };
}

export function callContext(more: Partial<ToolCallContext> = {}): ToolCallContext {
  return { idempotencyKey: KEY, signal: unaborted(), checkLease: () => undefined, ...more };
}
