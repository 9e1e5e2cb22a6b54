// Opens the Redis of a command: `--redis`, the environment's URL, or the embedded server of this directory.
import { type ConnectionPurpose, checkServer, connectRedis, type Redis } from "../store/connect.ts";
import { ensureEmbedded } from "../store/embedded/embedded.ts";
import type { Host } from "./host.ts";
import { say } from "./output.ts";
import { countwheelHome } from "./repository-root.ts";

export interface OpenRedis {
  readonly redis: Redis;
  readonly url: string;
  /** Which server it is, whoever asks: what this machine remembers of it is filed under this. */
  readonly server: string;
  /** Another connection to the same server: for who waits, or asks while a large answer is under way. */
  readonly connectAnother: (purpose: ConnectionPurpose) => Redis;
  readonly close: () => Promise<void>;
}

export interface RedisFlags {
  readonly redis?: string;
  readonly allowUnprotected?: boolean;
}

export async function openRedis(host: Host, flags: RedisFlags): Promise<OpenRedis> {
  const given = flags.redis ?? host.config.redisUrl;
  const url = given ?? (await embeddedUrl(host));
  const redis = connectRedis(url, "command", host.config.stateKey);
  const extra: Redis[] = [];
  const close = async (): Promise<void> => {
    for (const client of [...extra, redis]) client.disconnect();
  };
  try {
    await checkServer(redis, { allowUnprotected: flags.allowUnprotected ?? false });
  } catch (error) {
    await close();
    throw error;
  }
  const connectAnother = (purpose: ConnectionPurpose): Redis => {
    const client = connectRedis(url, purpose, host.config.stateKey);
    extra.push(client);
    return client;
  };
  return { redis, url, server: given === undefined ? "embedded" : withoutCredentials(given), connectAnother, close };
}

/** Host, port and database; the path of a socket stays as it is. */
function withoutCredentials(url: string): string {
  if (!URL.canParse(url)) return url;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}

async function embeddedUrl(host: Host): Promise<string> {
  const { url } = await ensureEmbedded({
    home: countwheelHome(host.config, host.cwd),
    path: host.config.path,
    userHome: host.config.userHome,
    ...(host.config.cacheHome === undefined ? {} : { cacheHome: host.config.cacheHome }),
    say: (line) => say(host, line),
  });
  return url;
}
