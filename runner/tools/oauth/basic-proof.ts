// Proves a client by its secret in the header, as most token endpoints want it.
import type { ClientAuth } from "oauth4webapi";

/**
 * As RFC 6749 (2.3.1) says, both parts encoded like a form, where `-`, `.` and `_` stand for themselves: the library's own
 * encodes these as well, and servers that do not decode refuse every id with a dash.
 */
export function basicProof(clientId: string, clientSecret: string): ClientAuth {
  const pair = [clientId, clientSecret].map((part) => new URLSearchParams({ part }).toString().slice("part=".length));
  const header = `Basic ${Buffer.from(pair.join(":")).toString("base64")}`;
  return (_server, _client, _body, headers) => headers.set("authorization", header);
}
