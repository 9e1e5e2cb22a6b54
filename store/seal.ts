// Seals: plain digests where there is no state key, HMACs where there is one. What fails its seal is named, never used.
import { PermanentFailure } from "../contracts/failure.ts";
import { isSealed, type StateKey } from "../contracts/state-key.ts";
import { corrupt } from "./reply.ts";

/** With which key, and for which environment: what is sealed for one cannot be shown to another. */
export interface Sealing {
  readonly env: string;
  readonly key: StateKey | undefined;
  /** Only while a state is being sealed for the first time: plain digests are believed once more. */
  readonly believesUnsealed?: boolean;
}

export interface Sealed {
  /** For people: names the thing. */
  readonly what: string;
  readonly seal: unknown;
  /** What an HMAC covers, besides the environment. */
  readonly parts: readonly string[];
  /** What the seal is where there is no key: a digest. */
  readonly plain: () => string;
}

export function makeSeal({ env, key }: Sealing, parts: readonly string[], plain: () => string): string {
  return key === undefined ? plain() : key.seal([env, ...parts]);
}

/** Throws PermanentFailure STATE_CORRUPT, STATE_UNSEALED or STATE_KEY_MISSING, each naming `what`. */
export function checkSeal({ env, key, believesUnsealed }: Sealing, { what, seal, parts, plain }: Sealed): void {
  const text = typeof seal === "string" ? seal : "";
  if (key === undefined) {
    if (isSealed(text)) throw keyMissing(what, "it is sealed, and no key is set");
    if (text !== plain()) throw corrupt(what, "its bytes do not match its digest");
    return;
  }
  switch (key.verify(text, [env, ...parts])) {
    case "verified":
      return;
    case "forged":
      throw corrupt(what, "its bytes do not match its seal");
    case "unknown-key":
      throw keyMissing(what, "it is sealed by another key than those that are set");
    case "unsealed":
      if (believesUnsealed !== true) throw unsealed(what);
      if (text !== plain()) throw corrupt(what, "its bytes do not match its digest");
  }
}

function keyMissing(what: string, why: string): PermanentFailure {
  const message = `${what} in Redis cannot be verified: ${why}; COUNTWHEEL_STATE_KEY must hold the key that sealed it`;
  return new PermanentFailure("STATE_KEY_MISSING", message, { details: { what } });
}

function unsealed(what: string): PermanentFailure {
  const message = `${what} in Redis carries no seal, although COUNTWHEEL_STATE_KEY is set. If what it holds is to be believed, seal it once: countwheel seal`;
  return new PermanentFailure("STATE_UNSEALED", message, { details: { what } });
}
