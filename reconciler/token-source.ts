// A token that stays as it is, or one that is made anew before it ends.

export interface TokenSource {
  /** Throws PermanentFailure GITHUB_AUTH or TransientFailure GITHUB_UNAVAILABLE where none can be had. */
  current(): Promise<string>;
  /** This one was not accepted: the next is another one. */
  refused(token: string): void;
}

export type Token = string | TokenSource;

export async function currentToken(token: Token): Promise<string> {
  return typeof token === "string" ? token : token.current();
}
