// A source that cannot be read, on its way up to the function that answers it as a value.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { UnavailableReason } from "./source.ts";

/** Thrown below the room's entry functions, which all answer through {@link answerUnavailable}. */
export class Unavailable extends Error {
  readonly reason: UnavailableReason;
  constructor(code: UnavailableReason["code"], message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "Unavailable";
    this.reason = { code, message };
  }
}

/** A repository that lacks what it should hold, or cannot be understood. A mirror is then made anew. */
export class Damaged extends Unavailable {
  constructor(message: string) {
    super("READ_FAILED", message);
    this.name = "Damaged";
  }
}

/** Worth another look soon, although nothing changed; the rest waits for somebody. */
export function isTransientReason({ code }: UnavailableReason): boolean {
  return code === "REPOSITORY_UNREACHABLE" || code === "READ_FAILED";
}

/** Runs `read`; what it finds unavailable becomes the value. An abort and our own bugs stay thrown. */
export async function answerUnavailable<T>(
  signal: AbortSignal,
  read: () => Promise<T>,
): Promise<T | { readonly status: "unavailable"; readonly reason: UnavailableReason }> {
  try {
    signal.throwIfAborted();
    return await read();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Unavailable) return { status: "unavailable", reason: error.reason };
    throw error;
  }
}

/** For functions that answer no union: what is unavailable becomes a {@link PermanentFailure} of the same code. */
export async function failWhereUnavailable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    throw new PermanentFailure(error.reason.code, error.reason.message, { cause: error });
  }
}
