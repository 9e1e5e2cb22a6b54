// Records that were replaced or pruned, by the digest of their manifest: what a rollback is made of.
import type { Digest } from "../contracts/canonical.ts";
import { manifestDigest } from "../contracts/manifest.ts";
import type { StateRecord } from "../contracts/record.ts";
import { askAll } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { corrupt, isObject, jsonOf, listOf, textOf } from "./reply.ts";
import { openRecord } from "./sealed-record.ts";
import { sealingOf } from "./state.ts";

const CHUNK = 500;

/**
 * Those of the digests that are still kept. Throws like readState for one that cannot be believed; secrets are in it as
 * the state held them.
 */
export async function readArchived(
  redis: Redis,
  { env, lineage }: { readonly env: string; readonly lineage: string },
  digests: readonly Digest[],
): Promise<ReadonlyMap<Digest, StateRecord>> {
  const found = new Map<Digest, StateRecord>();
  for (let first = 0; first < digests.length; first += CHUNK) {
    const chunk = digests.slice(first, first + CHUNK);
    const [texts] = await askAll(redis, () =>
      redis
        .pipeline()
        .hmget(environmentKeys(env).archive, ...chunk)
        .exec(),
    );
    for (const [index, text] of listOf(`the archive of environment ${env}`, texts).entries()) {
      const digest = chunk[index];
      if (digest === undefined || text === null) continue;
      found.set(digest, openArchived(digest, text, { ...sealingOf(redis, env), lineage }));
    }
  }
  return found;
}

function openArchived(digest: Digest, value: unknown, sealing: Parameters<typeof openRecord>[2]): StateRecord {
  const what = `the manifest ${digest} in the archive of environment ${sealing.env}`;
  const text = textOf(what, value);
  const json = jsonOf(what, text.slice(text.indexOf("{")));
  const address = isObject(json) ? json["address"] : undefined;
  const record = openRecord(textOf(what, address), text, sealing);
  if (record.digest !== digest || manifestDigest(record.manifest) !== digest) throw corrupt(what, "it is another one");
  return record;
}
