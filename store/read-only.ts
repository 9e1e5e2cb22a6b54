// A connection that can only read: for whoever promises to change nothing. The promise is kept here, at the last door,
// whatever the code above it does.
import { PermanentFailure } from "../contracts/failure.ts";
import type { Redis } from "./connect.ts";
import { COMPARE } from "./scripts/compare-records.ts";

/** What readers of the state use, and what a connection says of itself. */
const READS: ReadonlySet<string> = new Set(
  (
    "info ping auth hello select client config time quit multi exec get mget exists hget hmget hgetall hkeys hlen " +
    "hexists hscan zrange zrangebyscore zscore zcard smembers scard lrange llen xrange xrevrange xlen"
  ).split(" "),
);

/** Scripts may write; of these it is known that they do not. */
const READING_SCRIPTS: ReadonlySet<string> = new Set([COMPARE].flatMap(({ lua, sha }) => [lua, sha]));

/** Changes the connection itself, for good. */
export function makeReadOnly(redis: Redis): Redis {
  const send = redis.sendCommand.bind(redis);
  redis.sendCommand = (command, stream) => {
    if (isRead(command.name.toLowerCase(), command.args[0])) return send(command, stream);
    command.reject(new PermanentFailure("READ_ONLY", `\`${command.name}\` was kept back: this connection only reads`));
    return command.promise;
  };
  return redis;
}

function isRead(name: string, first: unknown): boolean {
  const isScript = name === "eval" || name === "evalsha";
  return isScript ? READING_SCRIPTS.has(String(first)) : READS.has(name);
}
