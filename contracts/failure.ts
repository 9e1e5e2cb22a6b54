// The three failures that are thrown. Each says what happens next; anything else that is thrown is a bug (exit 70).

export interface FailureOptions {
  readonly cause?: unknown;
  /** Ids and facts that help the reader: never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** A person must change something; the same call will fail again. */
export class PermanentFailure extends Error {
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;
  constructor(code: string, message: string, options: FailureOptions = {}) {
    super(message, { cause: options.cause });
    this.name = "PermanentFailure";
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** It may work later, perhaps after `retryAfterMs`. */
export class TransientFailure extends Error {
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly retryAfterMs: number | undefined;
  constructor(code: string, message: string, options: FailureOptions & { readonly retryAfterMs?: number } = {}) {
    super(message, { cause: options.cause });
    this.name = "TransientFailure";
    this.code = code;
    this.details = options.details ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The same failure, where nothing can have been sent: whatever was asked for did not happen, and cost nothing. */
export function withoutEffect<E>(error: E): E | TransientFailure {
  if (!(error instanceof TransientFailure)) return error;
  const { code, message, details, cause, retryAfterMs } = error;
  const after = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new TransientFailure(code, message, { details: { ...details, effect: "none" }, cause, ...after });
}

/** Whether a call that failed may have been carried out: not where it was refused, nor where it was never sent. */
export function mayHaveHappened(error: unknown): boolean {
  if (error instanceof PermanentFailure) return false;
  return !(error instanceof TransientFailure && error.details["effect"] === "none");
}

/** The lease on an activation, or the writer's lock of an environment, is gone: stop, write nothing. */
export class LeaseLost extends Error {
  readonly code = "LEASE_LOST";
  readonly subject: string;
  constructor(subject: string, message: string) {
    super(message);
    this.name = "LeaseLost";
    this.subject = subject;
  }
}

/** What people and records see of a failure. */
export interface FailureRecord {
  readonly code: string;
  readonly message: string;
  /** Facts that help to find the cause; for a denial its decision, tool, policy and rule. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export function failureRecord(error: unknown): FailureRecord {
  if (error instanceof PermanentFailure || error instanceof TransientFailure || error instanceof LeaseLost) {
    return { code: error.code, message: error.message };
  }
  return { code: "BUG", message: error instanceof Error ? error.message : String(error) };
}
