// Connections to Redis: how they are made, checked and closed, and how its errors become ours.
import { Redis as IoRedis } from "ioredis";

export type Redis = IoRedis;

export type ConnectionPurpose = "command" | "worker";

export interface ServerReport {
  readonly version: string;
  readonly policy: string;
  readonly warnings: readonly string[];
}

export function connectRedis(url: string, purpose: ConnectionPurpose): Redis {
  throw new Error(`${url} ${purpose}`);
}

export async function checkServer(redis: Redis, options: { readonly allowUnprotected: boolean }): Promise<ServerReport> {
  throw new Error(`${redis.status} ${options.allowUnprotected}`);
}

export async function closeRedis(redis: Redis): Promise<void> {
  throw new Error(redis.status);
}
