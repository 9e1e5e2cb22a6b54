// Fetches what servers point to, for a login: addresses that no manifest names, so nothing inside, and nothing in the open.
import { PermanentFailure } from "../../../contracts/failure.ts";
import { isInsideName } from "../../tools/addresses.ts";
import type { Outbound } from "../../tools/checked-request.ts";
import { checkedFetch } from "../../tools/oauth/token-request.ts";

/** Whose login it is. */
export interface LoginServer {
  /** For people: `McpServer default/files`. */
  readonly label: string;
  readonly endpoint: URL;
  readonly outbound: Outbound;
}

export interface FoundFetch {
  readonly fetch: typeof fetch;
  /** Of the answer that came last; 0: there was none. */
  readonly lastStatus: () => number;
}

const LIMITS = { answerBytes: 256 * 1024, timeoutMs: 20_000 } as const;

export function foundFetch(server: LoginServer, signal: AbortSignal): FoundFetch {
  const send = checkedFetch(server.outbound, LIMITS);
  let status = 0;
  return {
    lastStatus: () => status,
    fetch: async (target, init) => {
      status = 0;
      requirePlace(server, new URL(target instanceof Request ? target.url : target));
      const late = AbortSignal.timeout(LIMITS.timeoutMs);
      const response = await send(target, { ...init, signal: AbortSignal.any([signal, late]) });
      ({ status } = response);
      return response;
    },
  };
}

/**
 * A server on the internet that points to this machine or into a private network would have a person's computer ask around
 * there. Throws PermanentFailure ADDRESS_REFUSED or LOGIN_INSECURE.
 */
export function requirePlace({ label, endpoint, outbound }: LoginServer, place: URL): void {
  const host = bare(place);
  const isInside = isInsideName(host);
  if (isInside && !outbound.allowPrivate && !isInsideName(bare(endpoint)))
    throw new PermanentFailure(
      "ADDRESS_REFUSED",
      `${label} points to ${place.origin}, which is inside; say \`allow_private: true\` if that is meant`,
    );
  if (place.protocol !== "https:" && !(place.protocol === "http:" && isInside))
    throw new PermanentFailure(
      "LOGIN_INSECURE",
      `${label} points to ${place.origin} for its login, which is not https`,
    );
}

function bare({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/u, "$1");
}
