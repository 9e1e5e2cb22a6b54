// Where the manifests of a task's snapshot stand.
import { type Address, parseAddress } from "../contracts/address.ts";
import { PermanentFailure } from "../contracts/failure.ts";
import type { Redis } from "../store/connect.ts";
import { readSnapshot } from "../store/snapshots.ts";
import type { PlaceOf } from "./view/trace-rows.ts";

/** A snapshot that is gone costs the places, and nothing else. */
export async function readPlaces(redis: Redis, env: string, digest: string): Promise<PlaceOf> {
  const snapshot = await readSnapshot(redis, env, digest).catch((error: unknown) => {
    if (error instanceof PermanentFailure) return undefined;
    throw error;
  });
  return (address) => {
    const source = parseAddress(address) && snapshot?.entries[address as Address]?.source;
    return source && `${source.file}:${source.line}`;
  };
}
