// The commands of Redis that the store's scripts and readers use. What is not here is refused.
import type { Keyspace, Reply } from "./keyspace.ts";
import * as values from "./lua/values.ts";
import { bound, rangeOf, sortedOf, xrange } from "./ranges.ts";

// One long list on purpose: a command is a line or two, and whoever misses one finds the place.
export function runCommand(space: Keyspace, name: string, key: string, args: readonly string[]): Reply {
  const [a = "", b = ""] = args;
  switch (name) {
    case "TIME": {
      const ms = space.nowMs();
      return [String(Math.floor(ms / 1_000)), String((ms % 1_000) * 1_000)];
    }
    case "PUBLISH":
      return 0;
    case "DEL":
    case "UNLINK":
      return [key, ...args].reduce((gone, each) => gone + (space.find(each) === undefined ? 0 : space.remove(each)), 0);
    case "EXISTS":
      return [key, ...args].filter((each) => space.find(each) !== undefined).length;
    case "TYPE":
      return space.find(key)?.type ?? "none";
    case "EXPIRE":
    case "PEXPIRE":
      if (space.find(key) === undefined) return 0;
      space.expire(key, Number(a) * (name === "EXPIRE" ? 1_000 : 1));
      return 1;
    case "PERSIST":
      return space.persist(key) ? 1 : 0;
    case "RENAME": {
      const moved = space.find(key);
      if (moved === undefined) throw new Error("ERR no such key");
      space.remove(key);
      space.put(a, moved);
      return "OK";
    }
    case "GET":
      return space.find(key) === undefined ? null : space.string(key).text;
    case "SET":
      return space.setText(
        key,
        a,
        args.slice(1).map((option) => option.toUpperCase()),
      );
    case "INCR": {
      const next = String(Number(space.find(key) === undefined ? 0 : space.string(key).text) + 1);
      space.put(key, { type: "string", text: next });
      return Number(next);
    }
    case "HGET":
      return space.hash(key).fields.get(a) ?? null;
    case "HMGET":
      return args.map((field) => space.hash(key).fields.get(field) ?? null);
    case "HGETALL":
      return [...space.hash(key).fields].flat();
    case "HKEYS":
      return [...space.hash(key).fields.keys()];
    case "HVALS":
      return [...space.hash(key).fields.values()];
    case "HSCAN":
      // All of it in one answer, which Redis may do, too.
      return ["0", [...space.hash(key).fields].flat()];
    case "HLEN":
      return space.hash(key).fields.size;
    case "HEXISTS":
      return space.hash(key).fields.has(a) ? 1 : 0;
    case "HSET":
      return space.setFields(key, space.hash(key), args);
    case "HSETNX":
      return space.hash(key).fields.has(a) ? 0 : space.setFields(key, space.hash(key), args);
    case "HDEL": {
      const found = space.hash(key);
      const gone = args.filter((field) => found.fields.delete(field)).length;
      space.keep(key, found);
      return gone;
    }
    case "HINCRBY":
    case "HINCRBYFLOAT": {
      const found = space.hash(key);
      const sum = Number(found.fields.get(a) ?? 0) + Number(b);
      space.setFields(key, found, [a, name === "HINCRBY" ? String(sum) : values.numberText(sum)]);
      return name === "HINCRBY" ? sum : values.numberText(sum);
    }
    case "RPUSH": {
      const found = space.list(key);
      found.items.push(...args);
      space.put(key, found);
      return found.items.length;
    }
    case "LRANGE":
      return rangeOf(space.list(key).items, Number(a), Number(b));
    case "LLEN":
      return space.list(key).items.length;
    case "SADD": {
      const found = space.set(key);
      const before = found.members.size;
      for (const member of args) found.members.add(member);
      space.put(key, found);
      return found.members.size - before;
    }
    case "SREM": {
      const found = space.set(key);
      const gone = args.filter((member) => found.members.delete(member)).length;
      space.keep(key, found);
      return gone;
    }
    case "SMEMBERS":
      return [...space.set(key).members];
    case "SISMEMBER":
      return space.set(key).members.has(a) ? 1 : 0;
    case "SCARD":
      return space.set(key).members.size;
    case "ZADD":
      return space.addScores(key, space.zset(key), args);
    case "ZREM": {
      const found = space.zset(key);
      const gone = args.filter((member) => found.scores.delete(member)).length;
      space.keep(key, found);
      return gone;
    }
    case "ZCARD":
      return space.zset(key).scores.size;
    case "ZSCORE": {
      const score = space.zset(key).scores.get(a);
      return score === undefined ? null : String(score);
    }
    case "ZRANGE":
    case "ZREVRANGE": {
      const sorted = sortedOf(space.zset(key), name === "ZREVRANGE");
      const chosen = rangeOf(sorted, Number(a), Number(b));
      return args[2]?.toUpperCase() === "WITHSCORES"
        ? chosen.flatMap(([member, score]) => [member, String(score)])
        : chosen.map(([member]) => member);
    }
    case "ZRANGEBYSCORE": {
      const found = sortedOf(space.zset(key)).filter(([, score]) => score >= bound(a) && score <= bound(b));
      const [, , option, offset = "0", count = "-1"] = args;
      const limited = option?.toUpperCase() === "LIMIT" && Number(count) >= 0;
      const from = option?.toUpperCase() === "LIMIT" ? Number(offset) : 0;
      return found.slice(from, limited ? from + Number(count) : undefined).map(([member]) => member);
    }
    case "ZREMRANGEBYRANK": {
      const found = space.zset(key);
      const gone = rangeOf(sortedOf(found), Number(a), Number(b));
      for (const [member] of gone) found.scores.delete(member);
      space.keep(key, found);
      return gone.length;
    }
    case "XADD":
      return space.addEntry(key, space.stream(key), args);
    case "XLEN":
      return space.stream(key).entries.length;
    case "XREVRANGE":
      return xrange(space.stream(key), [b, a, ...args.slice(2)], true);
    case "XRANGE":
      return xrange(space.stream(key), args);
    default:
      throw new Error(`ERR the model does not know the command ${name}`);
  }
}
