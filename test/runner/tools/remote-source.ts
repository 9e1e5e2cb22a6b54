// A Tool that is reached over the network, as a runner of these tests would call it.
import { resolveHost } from "../../../runner/tools/checked-request.ts";
import type { ContractSource } from "../../../runner/tools/http/contract-http.ts";
import { OAuthTokens } from "../../../runner/tools/oauth-tokens.ts";
import type { ToolCallContext } from "../../../runner/tools/tool.ts";
import { never, secretsWith } from "../mcp/servers.ts";

export const KEY = "0123456789abcdef0123456789abcdef";

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
  return { idempotencyKey: KEY, signal: never(), checkLease: () => undefined, ...more };
}
