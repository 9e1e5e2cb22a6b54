// Reads the inventory of what applies have written, for whoever has read the records, too: comparing the two here saves
// Redis from going through the records once more. A whole part comes as one text, which is quicker read than its fields.
import { type Address, isAddress } from "../../contracts/address.ts";
import type { Digest } from "../../contracts/canonical.ts";
import { digestIn, type ObservedState, type RecordMap } from "../../contracts/record.ts";
import type { Redis } from "../connect.ts";
import { environmentKeys } from "../keys.ts";
import { corrupt, listOf, textOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";
import { comparisonAt, type RecordComparison, type RecordDifference } from "./compare-records.ts";

/**
 * KEYS  1 head · 2 inventory
 * ARGV  1 cursor · 2 how many at once
 * Answers {next cursor, serial, serial of the inventory or '', how many fields it has, lines of addresses and digests in
 * turns}. Reads only.
 */
const READ_INVENTORY = defineScript(`
local head, inventory = unpack(KEYS)
local part = redis.call('HSCAN', inventory, ARGV[1], 'COUNT', ARGV[2])
local serial, listed = redis.call('HGET', head, 'serial') or '0', redis.call('HGET', inventory, '') or ''
return { part[1], serial, listed, tostring(redis.call('HLEN', inventory)), table.concat(part[2], '\\n') }
`);

/** Milliseconds of Redis at once. */
const PART = 20_000;

export interface Inventory {
  /** Serials of head and inventory, and its size, at each part: more than one says that somebody wrote in between. */
  readonly moments: ReadonlySet<string>;
  /** Addresses and digests in turns. Not a map: of a hundred thousand hardly one is asked for. */
  readonly parts: readonly (readonly string[])[];
}

export async function readInventory(redis: Redis, env: string): Promise<Inventory> {
  const what = `the inventory of environment ${env}`;
  const { head, inventory } = environmentKeys(env);
  const moments = new Set<string>();
  const parts: (readonly string[])[] = [];
  let cursor = "0";
  do {
    const answer = listOf(what, await runScript(redis, READ_INVENTORY, [head, inventory], [cursor, PART]));
    const [next = "0", serial, listed, size, text = ""] = answer.map((field) => textOf(what, field));
    moments.add(`${serial} ${listed} ${size}`);
    if (text !== "") parts.push(text.split("\n"));
    cursor = next;
  } while (cursor !== "0");
  return { moments, parts };
}

/**
 * As compareRecords would answer; undefined: the two were not read between the same applies, or a field was answered twice,
 * as a scan may.
 */
export function compareInventory(
  env: string,
  { moments, parts }: Inventory,
  { head, records }: ObservedState,
): RecordComparison | undefined {
  const [moment = ""] = moments;
  const [serial = "", listed = "", size = ""] = moment.split(" ");
  const fields = parts.reduce((sum, part) => sum + part.length / 2, 0);
  if (moments.size !== 1 || serial !== String(head?.serial ?? 0) || fields !== Number(size)) return undefined;
  return comparisonAt(env, { serial, listed }, () => {
    const { rows, found } = compareListed(env, parts, records);
    // Only where there are more records than were found is any of them in no inventory.
    return found === records.size ? rows : [...rows, ...findUnlisted(parts, records)];
  });
}

function compareListed(env: string, parts: Inventory["parts"], records: RecordMap) {
  const rows: RecordDifference[] = [];
  let found = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += 2) {
      const [address, applied] = [part[at] ?? "", part[at + 1] ?? ""];
      // The field without a name holds the inventory's own serial.
      if (address === "") continue;
      const digest = digestIn(records, address as Address);
      if (digest !== undefined) found += 1;
      if (digest === applied) continue;
      if (!isAddress(address)) throw corrupt(`the inventory of environment ${env}`, "it names no address");
      rows.push({ address, applied: applied as Digest, found: digest ?? null });
    }
  }
  return { rows, found };
}

function findUnlisted(parts: Inventory["parts"], records: RecordMap): RecordDifference[] {
  const listed = new Set(parts.flatMap((part) => part.filter((_, at) => at % 2 === 0)));
  const unlisted = [...records.keys()].filter((address) => !listed.has(address));
  return unlisted.map((address) => ({ address, applied: null, found: digestIn(records, address) ?? null }));
}
