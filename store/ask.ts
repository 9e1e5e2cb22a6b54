// Runs commands on Redis and translates what ioredis throws into our failures: once, here, for every door of the store.
import type { Redis } from "ioredis";
import { PermanentFailure, TransientFailure } from "../contracts/failure.ts";
import { corrupt } from "./reply.ts";

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

/** Up to Redis 6.2 a script's error is wrapped in one more, and what a user may not do in a script has no code. */
const CODE = /^(?:ERR Error running script .*@user_script: ?\d+: -?)?([A-Z]+)/s;
const NOT_IN_SCRIPT = /^ERR ACL failure in script|The user executing the script can't run this command/;

const IN_SCRIPT = /@user_script/;

/** The first key of the command, as ioredis keeps it beside the error: names of ours are for people to read. */
function keyOf(error: Error, server: string): string {
  const { command } = error as Error & { readonly command?: { readonly name?: unknown; readonly args?: unknown } };
  const args: readonly unknown[] = Array.isArray(command?.args) ? command.args : [];
  const key = String(command?.name).startsWith("eval") ? args[2] : args[0];
  return typeof key === "string" ? `the key \`${key}\`` : `a key of ours at ${server}`;
}

/** The first word of an error reply is its code. */
function replyFailure(redis: Redis, error: Error): unknown {
  const server = describeServer(redis);
  const options = { cause: error, details: { server } };
  const code = NOT_IN_SCRIPT.test(error.message) ? "NOPERM" : (CODE.exec(error.message)?.[1] ?? "");
  switch (code) {
    case "EXECABORT": {
      // A transaction is given up for what its commands were refused for.
      const [first] = refusals(error);
      return first === undefined ? error : replyFailure(redis, first);
    }
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
    case "NOREPLICAS":
      return new TransientFailure(
        "REDIS_READONLY",
        `Redis at ${server} takes no writes while too few of its replicas are there`,
        options,
      );
    case "WRONGTYPE":
      return corrupt(keyOf(error, server), "it holds something of another kind");
    case "ERR":
      // A script of ours met what it cannot reckon with: somebody else wrote to its keys.
      if (IN_SCRIPT.test(error.message)) return corrupt(keyOf(error, server), error.message);
      return error;
    case "MOVED":
    case "ASK":
    case "CROSSSLOT":
      return new PermanentFailure(
        "REDIS_CLUSTER",
        `Redis at ${server} is one node of a cluster, which cannot be used yet; name a single server`,
        options,
      );
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

function refusals(error: Error): Error[] {
  const { previousErrors } = error as Error & { readonly previousErrors?: unknown };
  return Array.isArray(previousErrors) ? previousErrors.filter((each) => each instanceof Error) : [];
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
