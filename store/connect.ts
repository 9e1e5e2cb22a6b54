// Connections to Redis: how they are made and closed, and whether a server is fit to hold an environment.
import { Redis as IoRedis, type RedisOptions } from "ioredis";
import { PermanentFailure, TransientFailure } from "../contracts/failure.ts";
import type { StateKey } from "../contracts/state-key.ts";
import { describeServer, redisFailure } from "./ask.ts";
import { isOlder, OLDEST_VERSION } from "./version.ts";

export type Redis = IoRedis;

/** The key belongs to the connection: no reader or writer of the state can forget to use it. */
class KeyedRedis extends IoRedis {
  stateKey: StateKey | undefined = undefined;

  /** Whatever is sent in one round of the event loop leaves in one piece: tasks in flight share their way to the server. */
  override sendCommand(...sent: Parameters<IoRedis["sendCommand"]>): unknown {
    const { stream } = this;
    if (stream?.writableCorked === 0) {
      stream.cork();
      setImmediate(() => stream.uncork());
    }
    return super.sendCommand(...sent);
  }
}

/** What seals, and is asked to verify, whatever goes through this connection. */
export function stateKeyOf(redis: Redis): StateKey | undefined {
  return redis instanceof KeyedRedis ? redis.stateKey : undefined;
}

/**
 * command: fails fast, for commands and producers · worker: waits for Redis to come back, for BullMQ's workers and
 * for blocking reads.
 */
export type ConnectionPurpose = "command" | "worker";

const CONNECT_TIMEOUT_MS = 1_200;
/** A server that stands still (paused, swapped out) must not hold a command for ever. Large reads need seconds. */
const COMMAND_TIMEOUT_MS = 20_000;
const MAX_RECONNECT_MS = 1_000;

/** `redis://`, `rediss://`, `unix:///path` or the plain path of a socket. Connects in the background. */
export function connectRedis(url: string, purpose: ConnectionPurpose, stateKey?: StateKey): Redis {
  const options: Omit<RedisOptions, "replyMapping"> = {
    connectionName: `countwheel-${purpose}`,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (times) => Math.min(40 * 2 ** times, MAX_RECONNECT_MS),
    ...(purpose === "command"
      ? { maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS }
      : { maxRetriesPerRequest: null }),
  };
  const socket = socketPath(url);
  const redis =
    socket === undefined ? new KeyedRedis(checkedUrl(url), options) : new KeyedRedis({ ...options, path: socket });
  redis.stateKey = stateKey;
  // Each command reports its own failure; without a listener the same failure would end the process.
  redis.on("error", () => undefined);
  return redis;
}

/** Ends the connection; answers that are under way still arrive where the server is there. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === "ready") await redis.quit().catch(() => undefined);
  redis.disconnect();
}

export interface ServerReport {
  readonly product: "Redis" | "Valkey";
  readonly version: string;
  /** maxmemory-policy; `unknown` where the server does not tell. */
  readonly policy: string;
  readonly persistence: "aof" | "rdb" | "none" | "unknown";
  /** In bytes. `max` null: as much as the machine has, or the server does not tell. */
  readonly memory: { readonly used: number | null; readonly max: number | null };
  readonly warnings: readonly string[];
}

const FIRST_ANSWER_MS = 2_500;

/**
 * Throws PermanentFailure for a server that must not be used (REDIS_VERSION, REDIS_EVICTS, REDIS_UNPROTECTED,
 * REDIS_AUTH) and TransientFailure REDIS_UNAVAILABLE, within three seconds, for one that does not answer.
 */
export async function checkServer(
  redis: Redis,
  options: { readonly allowUnprotected: boolean },
): Promise<ServerReport> {
  const info = parseInfo(await firstAnswer(redis));
  const version = info.get("valkey_version") ?? info.get("redis_version") ?? "0";
  refuseOld(redis, version);
  if (!options.allowUnprotected) refuseUnprotected(redis);
  const policy = info.get("maxmemory_policy") ?? (await setting(redis, "maxmemory-policy")) ?? "unknown";
  refuseEviction(redis, policy);
  const persistence = await readPersistence(redis, info);
  const memory = { used: amountOf(info.get("used_memory")), max: amountOf(info.get("maxmemory")) };
  return {
    product: info.has("valkey_version") ? "Valkey" : "Redis",
    version,
    policy,
    persistence,
    memory,
    warnings: [...warningsOf(policy, persistence), ...fullness(memory)],
  };
}

/** 0 stands for no limit, and for what is not told. */
function amountOf(text: string | undefined): number | null {
  const amount = Number(text ?? 0);
  return amount > 0 ? amount : null;
}

/** Past this share it is time to look: at all of it nothing is written any more. */
const NEARLY_FULL = 0.8;

function fullness({ used, max }: ServerReport["memory"]): string[] {
  if (used === null || max === null || used < NEARLY_FULL * max) return [];
  const percent = Math.round((100 * used) / max);
  return [`${percent} % of its maxmemory are used: raise it, or keep tasks for less long (docs/operating.md)`];
}

/** INFO under a deadline of its own: what is wrong with the connection is known only to its error events. */
async function firstAnswer(redis: Redis): Promise<string> {
  let last: unknown;
  const remember = (error: unknown): void => {
    last = error;
  };
  redis.on("error", remember);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(notReached(redis, last)), FIRST_ANSWER_MS);
  });
  try {
    return await Promise.race([redis.info(), late]);
  } catch (error) {
    const failure = redisFailure(redis, error);
    if (!(failure instanceof TransientFailure) || last === undefined) throw failure;
    const told = redisFailure(redis, last);
    throw told instanceof PermanentFailure ? told : notReached(redis, last);
  } finally {
    clearTimeout(timer);
    redis.off("error", remember);
  }
}

function notReached(redis: Redis, cause: unknown): TransientFailure {
  const server = describeServer(redis);
  const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
  return new TransientFailure(
    "REDIS_UNAVAILABLE",
    `Redis at ${server} cannot be reached${code}; is it running, and is the Redis URL right?`,
    { cause, details: { server } },
  );
}

function parseInfo(text: string): Map<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(":"));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
}

function refuseOld(redis: Redis, version: string): void {
  if (!isOlder(version, OLDEST_VERSION)) return;
  throw new PermanentFailure(
    "REDIS_VERSION",
    `Redis at ${describeServer(redis)} is ${version}; Countwheel needs ${OLDEST_VERSION} or newer`,
  );
}

function refuseEviction(redis: Redis, policy: string): void {
  if (policy === "noeviction" || policy === "unknown") return;
  throw new PermanentFailure(
    "REDIS_EVICTS",
    `Redis at ${describeServer(redis)} may throw keys away (maxmemory-policy ${policy}): a lost record looks like a ` +
      "deleted manifest. Set `maxmemory-policy noeviction`, in redis.conf or with CONFIG SET",
  );
}

function refuseUnprotected(redis: Redis): void {
  if (isProtected(redis)) return;
  throw new PermanentFailure(
    "REDIS_UNPROTECTED",
    `Redis at ${describeServer(redis)} takes commands from the network without a password. Set one and put it into ` +
      "the Redis URL, or say --allow-unprotected where the network itself is private",
  );
}

function isProtected(redis: Redis): boolean {
  const { path, host, password } = redis.options;
  if (typeof path === "string" || (password ?? "") !== "") return true;
  const remote = redis.stream && "remoteAddress" in redis.stream ? redis.stream.remoteAddress : undefined;
  return isLoopback(typeof remote === "string" ? remote : (host ?? ""));
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^(::ffff:)?127\./.test(host);
}

/** undefined: the server does not let us ask (managed services rename CONFIG). */
async function setting(redis: Redis, name: string): Promise<string | undefined> {
  try {
    const answer: unknown = await redis.config("GET", name);
    const value = Array.isArray(answer) ? answer[1] : undefined;
    return typeof value === "string" ? value : undefined;
  } catch (error) {
    if (redisFailure(redis, error) instanceof TransientFailure) throw redisFailure(redis, error);
    return undefined;
  }
}

async function readPersistence(redis: Redis, info: Map<string, string>): Promise<ServerReport["persistence"]> {
  if (info.get("aof_enabled") === "1") return "aof";
  const save = await setting(redis, "save");
  if (save === undefined) return "unknown";
  return save === "" ? "none" : "rdb";
}

function warningsOf(policy: string, persistence: ServerReport["persistence"]): string[] {
  const warnings: string[] = [];
  if (policy === "unknown") warnings.push("it does not tell its maxmemory-policy, which must be noeviction");
  if (persistence === "none") warnings.push("it keeps nothing over a restart: set `appendonly yes`");
  if (persistence === "rdb") warnings.push("a crash may lose minutes of work: set `appendonly yes`");
  if (persistence === "unknown") warnings.push("it does not tell whether it keeps its data over a restart");
  return warnings;
}

function socketPath(url: string): string | undefined {
  if (url.startsWith("/")) return url;
  return url.startsWith("unix://") ? decodeURIComponent(url.slice("unix://".length)) : undefined;
}

function checkedUrl(url: string): string {
  if (/^rediss?:\/\//.test(url) && URL.canParse(url)) return url;
  throw new PermanentFailure(
    "REDIS_URL_INVALID",
    "The Redis URL cannot be read; write redis://host:port, rediss://…, unix:///path or the path of a socket",
  );
}
