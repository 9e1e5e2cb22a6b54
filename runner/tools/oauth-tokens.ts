// Access tokens, each shared until it is about to expire, and fetched once however many ask for it. In memory only.
import { unlessAborted } from "../unless-aborted.ts";

/** Where a token comes from. */
export interface TokenSource {
  /** The same for all who may share a token: what it is given for, and by what. */
  readonly key: string;
  /** A new one, within a time limit of its own. */
  fetch(): Promise<FetchedToken>;
}

export interface FetchedToken {
  readonly text: string;
  /** In seconds; undefined where the answer does not say how long it lives. */
  readonly lifeS: number | undefined;
}

interface Token {
  readonly text: string;
  readonly untilMs: number;
}

const MAX_TOKENS = 1_000;
/** A token is not used any more when it is about to expire on the way. */
const MARGIN_MS = 30_000;
/** Where the answer does not say how long a token lives. */
const UNKNOWN_LIFE_S = 300;

export class OAuthTokens {
  readonly #nowMs: () => number;
  readonly #fetched = new Map<string, Promise<Token>>();

  /** `nowMs`: monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Throws what the source throws, or the signal's reason; nothing of it went to whoever the token is for. */
  async token(source: TokenSource, signal: AbortSignal): Promise<string> {
    const known = await this.#fetched.get(source.key)?.catch(() => undefined);
    if (known !== undefined && known.untilMs > this.#nowMs()) return known.text;
    if (known !== undefined) this.forget(source);
    // A caller that goes takes nothing from the others: the fetch has a time limit of its own.
    const fetching = this.#fetched.get(source.key) ?? this.#fetch(source);
    return (await unlessAborted(() => fetching, signal)).text;
  }

  /** It was refused: the next one who asks gets a new one. */
  forget({ key }: TokenSource): void {
    this.#fetched.delete(key);
  }

  #fetch(source: TokenSource): Promise<Token> {
    const { key } = source;
    const [oldest] = this.#fetched.keys();
    if (this.#fetched.size >= MAX_TOKENS && oldest !== undefined) this.#fetched.delete(oldest);
    const fetching = this.#fetchOnce(source).catch((error: unknown) => {
      if (this.#fetched.get(key) === fetching) this.#fetched.delete(key);
      throw error;
    });
    this.#fetched.set(key, fetching);
    return fetching;
  }

  async #fetchOnce(source: TokenSource): Promise<Token> {
    const askedMs = this.#nowMs();
    const { text, lifeS = UNKNOWN_LIFE_S } = await source.fetch();
    const lifeMs = lifeS * 1_000;
    return { text, untilMs: askedMs + lifeMs - Math.min(MARGIN_MS, lifeMs / 10) };
  }
}
