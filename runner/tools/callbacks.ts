// Calls whose answers come later: begun here, answered through whichever process is asked, and found again by whoever takes
// over. What a token is of, Redis knows; the token itself, nobody but the tool.
import { randomBytes } from "node:crypto";
import {
  type CallbackFacts,
  type CallbackState,
  digestOfToken,
  keepCallback,
  readCallback,
} from "../../store/callbacks.ts";
import type { Redis } from "../../store/connect.ts";
import {
  acceptCallback,
  type Begun,
  beginCallback,
  closeCallback,
  dropCallback,
} from "../../store/scripts/callback.ts";

/** How long a call that is over is remembered, so that a late answer is told so. */
const REMEMBERED_MS = 3_600_000;
/** How long an answer is kept for a takeover, which comes within seconds, once somebody has read it. */
const KEPT_MS = 600_000;
const TOKEN_BYTES = 32;

export interface Callbacks {
  begin(request: string, timeoutMs: number, facts: CallbackFacts): Promise<Begun & { readonly place?: CallbackPlace }>;
  read(request: string): Promise<CallbackState>;
  accept(request: string): Promise<void>;
  /** Nobody waits any more; an answer that came before stays. */
  close(request: string): Promise<void>;
  /** The answer was a failure that may pass: it is no answer to a further try. */
  drop(request: string): Promise<void>;
  /** The answer was read. */
  keep(request: string): Promise<void>;
}

/** Where a tool may send its answer. */
export interface CallbackPlace {
  readonly url: string;
  readonly token: string;
}

/** `base`: where a process of ours hears answers, as tools reach it; undefined: they are only asked for. */
export function openCallbacks(redis: Redis, env: string, base: URL | undefined): Callbacks {
  return {
    async begin(request, timeoutMs, facts) {
      const token = base === undefined ? undefined : randomBytes(TOKEN_BYTES).toString("base64url");
      const tokenDigest = token === undefined ? undefined : digestOfToken(token);
      const asked = { request, timeoutMs, keepMs: REMEMBERED_MS, tokenDigest, facts: JSON.stringify(facts) };
      const begun = await beginCallback(redis, env, asked);
      if (base === undefined || token === undefined) return begun;
      const place = { url: `${base.href.replace(/\/$/, "")}/callbacks/${env}/${request}/${token}`, token };
      return { ...begun, place };
    },
    read: (request) => readCallback(redis, env, request),
    accept: (request) => acceptCallback(redis, env, request),
    close: (request) => closeCallback(redis, env, request, REMEMBERED_MS),
    drop: (request) => dropCallback(redis, env, request, REMEMBERED_MS),
    keep: (request) => keepCallback(redis, env, request, KEPT_MS),
  };
}
