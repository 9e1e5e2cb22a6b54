// Runs commands on Redis and translates what ioredis throws into our failures: once, here, for every door of the store.
import type { Redis } from "ioredis";
import { PermanentFailure, TransientFailure } from "../contracts/failure.ts";

/** Runs commands and translates what ioredis throws. Every door of the store goes through it. */
export async function ask<T>(redis: Redis, commands: () => Promise<T>): Promise<T> {
  try {
    return await commands();
  } catch (error) {
    throw redisFailure(redis, error);
  }
}

/** The results of a pipeline or transaction, or the first error in it. */
export async function askAll(
  redis: Redis,
  commands: () => Promise<[error: Error | null, result: unknown][] | null>,
): Promise<unknown[]> {
  const answers = await ask(redis, commands);
  if (answers === null) throw new TransientFailure("REDIS_UNAVAILABLE", "Redis gave a transaction up");
  return answers.map(([error, result]) => {
    if (error !== null) throw redisFailure(redis, error);
    return result;
  });
}

/** Host and port, or the socket: never credentials. */
export function describeServer(redis: Redis): string {
  const { path, host, port } = redis.options;
  return path ?? `${host}:${port}`;
}

export function redisFailure(redis: Redis, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof PermanentFailure || error instanceof TransientFailure) return error;
  return error.name === "ReplyError" ? replyFailure(redis, error) : connectionFailure(redis, error);
}

/** The first word of an error reply is its code. */
function replyFailure(redis: Redis, error: Error): unknown {
  const server = describeServer(redis);
  const options = { cause: error, details: { server } };
  switch (error.message.split(" ", 1)[0] ?? "") {
    case "NOAUTH":
    case "WRONGPASS":
    case "NOPERM":
      return new PermanentFailure(
        "REDIS_AUTH",
        `Redis at ${server} refuses these credentials; check the user and password in the Redis URL`,
        options,
      );
    case "OOM":
      return new TransientFailure("REDIS_FULL", `Redis at ${server} is out of memory and takes no writes`, options);
    case "READONLY":
      return new TransientFailure("REDIS_READONLY", `Redis at ${server} is a read-only replica`, options);
    case "LOADING":
    case "BUSY":
    case "MISCONF":
    case "CLUSTERDOWN":
    case "MASTERDOWN":
    case "TRYAGAIN":
      return new TransientFailure(
        "REDIS_UNAVAILABLE",
        `Redis at ${server} cannot answer now: ${error.message}`,
        options,
      );
    default:
      return error;
  }
}

const CONNECTION_ERRORS = new Set(["MaxRetriesPerRequestError", "AbortError", "ClusterAllFailedError"]);

function connectionFailure(redis: Redis, error: Error): unknown {
  const known = CONNECTION_ERRORS.has(error.name) || "code" in error || isIoredisOwn(error);
  if (!known) return error;
  const server = describeServer(redis);
  return new TransientFailure(
    "REDIS_UNAVAILABLE",
    `Redis at ${server} cannot be reached; is it running, and is the Redis URL right?`,
    { cause: error, details: { server } },
  );
}

/** ioredis marks neither of these with a class or a code. */
function isIoredisOwn(error: Error): boolean {
  return error.message === "Connection is closed." || error.message === "Command timed out";
}
