// Translates what Octokit throws, once: who must act on it, and when it may be tried again.
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";

type Headers = Readonly<Record<string, string | number | undefined>>;

interface RequestFailure {
  readonly status: number;
  readonly message: string;
  readonly response?: { readonly headers?: Headers; readonly data?: unknown };
}

/** GitHub asks for a minute where a limit is hit and no time is given. */
const LIMIT_WAIT_MS = 60_000;

/** `what` says in words what was tried: "create a comment on #7". */
export function translateFailure(error: unknown, what: string, nowMs: number): Error {
  if (error instanceof TypeError) return notGithub(error, what);
  if (!isRequestFailure(error)) return error instanceof Error ? error : new Error(String(error));
  const { status } = error;
  const options = { cause: error, details: { status } };
  const said = `GitHub answered ${status} (${saidBy(error)})`;
  if (isLimit(error)) {
    const retryAfterMs = waitAskedFor(error.response?.headers ?? {}, nowMs) ?? LIMIT_WAIT_MS;
    const text = `Could not ${what}: GitHub's rate limit is reached.`;
    return new TransientFailure("GITHUB_UNAVAILABLE", text, { ...options, retryAfterMs });
  }
  if (status === 401)
    return new PermanentFailure("GITHUB_AUTH", `Could not ${what}: the token is not accepted.`, options);
  if (status === 403) {
    const text = `Could not ${what}: ${said}. The token lacks a permission.`;
    return new PermanentFailure("GITHUB_FORBIDDEN", text, options);
  }
  if (status === 404 || status === 410) {
    const text = `Could not ${what}: ${said}. It is gone, or the token may not see it.`;
    return new PermanentFailure("GITHUB_NOT_FOUND", text, options);
  }
  if (status >= 500 || status === 408) return unavailable(error, what, nowMs);
  return new PermanentFailure("GITHUB_REJECTED", `Could not ${what}: ${said}.`, options);
}

/** A proxy's page for signing in, a body that was cut: 200, and nothing of what was asked for is in it. */
function notGithub(cause: TypeError, what: string): TransientFailure {
  const text = `Could not ${what}: what answered is not GitHub's API; is something in between, or GITHUB_API_URL wrong?`;
  return new TransientFailure("GITHUB_UNAVAILABLE", text, { cause });
}

function unavailable(error: RequestFailure, what: string, nowMs: number): TransientFailure {
  const retryAfterMs = waitAskedFor(error.response?.headers ?? {}, nowMs);
  const reason = error.response === undefined ? "it cannot be reached" : `it answered ${error.status}`;
  return new TransientFailure("GITHUB_UNAVAILABLE", `Could not ${what}: GitHub is unavailable, ${reason}.`, {
    cause: error,
    details: { status: error.status },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function isRequestFailure(error: unknown): error is RequestFailure {
  return error instanceof Error && "status" in error && typeof error.status === "number";
}

/** Both kinds of limit answer 403 or 429; a missing permission is a 403 without any of these marks. */
function isLimit(error: RequestFailure): boolean {
  if (error.status === 429) return true;
  if (error.status !== 403) return false;
  const headers = error.response?.headers ?? {};
  const exhausted = String(headers["x-ratelimit-remaining"] ?? "") === "0";
  return exhausted || headers["retry-after"] !== undefined || /secondary rate limit/i.test(saidBy(error));
}

function waitAskedFor(headers: Headers, nowMs: number): number | undefined {
  const seconds = Number(headers["retry-after"]);
  if (Number.isFinite(seconds) && seconds >= 0) return seconds * 1_000;
  const resetAt = Number(headers["x-ratelimit-reset"]);
  const exhausted = String(headers["x-ratelimit-remaining"] ?? "") === "0";
  return exhausted && Number.isFinite(resetAt) ? Math.max(0, resetAt * 1_000 - nowMs) + 1_000 : undefined;
}

function saidBy(error: RequestFailure): string {
  const data = error.response?.data;
  const message = typeof data === "object" && data !== null && "message" in data ? data.message : error.message;
  return String(message).slice(0, 300);
}
