// Runs one call of a provider's SDK within its time, and translates what it throws. Both SDKs have the same errors.
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import { startClock } from "./call-clock.ts";
import {
  addressRefused,
  type EndpointName,
  malformedAnswer,
  statusFailure,
  timedOut,
  unreachable,
} from "./model-failure.ts";
import { readRetryAfter } from "./retry-after.ts";

type ErrorClass = abstract new (...args: never[]) => Error;

/** The error classes of an SDK; both derive them from one another in the same way. */
interface SdkErrors {
  readonly APIError: ErrorClass;
  readonly APIConnectionError: ErrorClass;
}

export interface SdkCall {
  readonly endpoint: EndpointName;
  readonly model: string;
  readonly timeoutMs: number;
  readonly errors: SdkErrors;
}

/** An abort by the caller throws the caller's reason. */
export async function withinCall<T>(
  call: SdkCall,
  caller: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  caller.throwIfAborted();
  const clock = startClock(caller, call.timeoutMs);
  try {
    return await work(clock.signal);
  } catch (error) {
    const stopped = clock.stoppedBy();
    if (stopped === "caller") throw caller.reason;
    if (stopped === "timeout") throw timedOut(call.endpoint, call.timeoutMs);
    throw translate(call, error);
  } finally {
    clock.stop();
  }
}

function translate({ endpoint, model, errors }: SdkCall, error: unknown): unknown {
  if (error instanceof PermanentFailure || error instanceof TransientFailure) return error;
  if (error instanceof errors.APIConnectionError) return notConnected(endpoint, error);
  if (error instanceof errors.APIError) {
    const message = bodyMessage(error);
    return statusFailure(endpoint, model, {
      status: statusOf(error),
      retryAfterMs: "headers" in error && error.headers instanceof Headers ? readRetryAfter(error.headers) : undefined,
      message,
    });
  }
  if (error instanceof SyntaxError) return malformedAnswer(endpoint, "it is no JSON", error);
  // fetch throws a TypeError when a connection breaks below an answer that has begun.
  if (error instanceof TypeError && error.cause !== undefined) return unreachable(endpoint, error);
  return error;
}

/** The SDK wraps whatever its `fetch` throws. */
function notConnected(endpoint: EndpointName, error: Error): Error {
  const { cause } = error;
  return cause instanceof PermanentFailure ? addressRefused(endpoint, cause) : unreachable(endpoint, error);
}

/** An error that comes in the middle of a stream has a type but no status. */
const STATUS_OF_TYPE: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  permission_error: 403,
  not_found_error: 404,
  rate_limit_error: 429,
  api_error: 500,
  overloaded_error: 529,
  // OpenAI's words, where it has no status to send either.
  rate_limit_exceeded: 429,
  insufficient_quota: 429,
  server_error: 500,
  invalid_api_key: 401,
};

function statusOf(error: Error): number {
  if ("status" in error && typeof error.status === "number") return error.status;
  const words = [property(error, "type"), property(error, "code")];
  return (
    words.map((word) => (typeof word === "string" ? STATUS_OF_TYPE[word] : undefined)).find(Number.isInteger) ?? 500
  );
}

/** The `message` of the body, at either depth; the SDK's own sentence would repeat the whole body. */
function bodyMessage(error: Error): string {
  const body: unknown = "error" in error ? error.error : undefined;
  for (const value of [body, property(body, "error")]) {
    const message = property(value, "message");
    if (typeof message === "string") return message;
  }
  return "no message";
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && name in value ? Reflect.get(value, name) : undefined;
}
