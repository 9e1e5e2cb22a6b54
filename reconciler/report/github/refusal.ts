// Remembers that a token lacks a right, so that it is not tried each time.
import type { PermanentFailure } from "../../../contracts/failure.ts";
import { isFailure } from "./client.ts";

/** Somebody may give the token the right at any time. */
const REFUSAL_MS = 10 * 60_000;

/** Throws again what was thrown for want of a right, as long as it holds. */
export function rememberRefusal(): <T>(call: () => Promise<T>) => Promise<T> {
  let refused: { readonly failure: PermanentFailure; readonly at: number } | undefined;
  return async (call) => {
    if (refused !== undefined && performance.now() - refused.at < REFUSAL_MS) throw refused.failure;
    try {
      return await call();
    } catch (error) {
      if (isFailure(error, "GITHUB_FORBIDDEN")) refused = { failure: error, at: performance.now() };
      throw error;
    }
  };
}
