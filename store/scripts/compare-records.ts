// Compares the records of an environment with what applies have written, without reading any of them.
import { type Address, parseAddress } from "../../contracts/address.ts";
import type { Digest } from "../../contracts/canonical.ts";
import { askAll } from "../ask.ts";
import type { Redis } from "../connect.ts";
import { environmentKeys } from "../keys.ts";
import { corrupt, listOf, numberOf, textOf } from "../reply.ts";
import { defineScript, runScript } from "../script.ts";

/** A record that is not what the last apply left there. `applied` null: no apply wrote it; `found` null: it is gone. */
export interface RecordDifference {
  readonly address: Address;
  readonly applied: Digest | null;
  readonly found: Digest | null;
}

export interface RecordComparison {
  /** Of the state's head; 0 where there is none. */
  readonly serial: number;
  /** False: the last apply kept no inventory (an older version made it), so nothing can be told of single records. */
  readonly known: boolean;
  /** By address. */
  readonly differences: readonly RecordDifference[];
}

/**
 * KEYS  1 head · 2 records · 3 inventory
 * Answers {serial, serial of the inventory or '', {address, applied or '', found or ''}…}. Reads only.
 */
export const COMPARE = defineScript(`
local head, records, inventory = unpack(KEYS)
local answer = { redis.call('HGET', head, 'serial') or '0', redis.call('HGET', inventory, '') or '' }
local function digest_of(record) return record and (string.match(record, '^%S+ (%S+) ') or '?') or '' end
local function compare(address, applied, found)
  if applied ~= found then answer[#answer + 1] = { address, applied, found } end
end
local applied = {}
local listed = redis.call('HGETALL', inventory)
for first = 1, #listed, 2 do
  if listed[first] ~= '' then applied[listed[first]] = listed[first + 1] end
end
local found = redis.call('HGETALL', records)
for first = 1, #found, 2 do
  compare(found[first], applied[found[first]] or '', digest_of(found[first + 1]))
  applied[found[first]] = nil
end
for address, digest in pairs(applied) do compare(address, digest, '') end
return answer
`);

export async function compareRecords(redis: Redis, env: string): Promise<RecordComparison> {
  const what = whatOf(env);
  const { head, records, inventory } = environmentKeys(env);
  const [serial, listed, ...rows] = listOf(what, await runScript(redis, COMPARE, [head, records, inventory], []));
  return comparison(env, { serial, listed }, () => rows.map((row) => readDifference(what, row)));
}

/** The same for records that were read already, by plain reads: what a plan touches, however much there is beside it. */
export async function compareFound(
  redis: Redis,
  env: string,
  found: readonly { readonly address: Address; readonly digest: Digest | null }[],
): Promise<RecordComparison> {
  const { head, inventory } = environmentKeys(env);
  const multi = redis.multi().hget(head, "serial").hget(inventory, "");
  for (let first = 0; first < found.length; first += CHUNK) {
    multi.hmget(inventory, ...found.slice(first, first + CHUNK).map(({ address }) => address));
  }
  const [serial, listed, ...chunks] = await askAll(redis, () => multi.exec());
  const applied = chunks.flatMap((chunk) => listOf(whatOf(env), chunk));
  const rows = found.map(({ address, digest }, index) => ({
    address,
    applied: digestOrNull(textOf(whatOf(env), applied[index] ?? "")),
    found: digest,
  }));
  const answer = { serial: serial ?? "0", listed: listed ?? "" };
  return comparison(env, answer, () => rows.filter((row) => row.applied !== row.found));
}

const CHUNK = 500;

function whatOf(env: string): string {
  return `the inventory of environment ${env}`;
}

function comparison(
  env: string,
  { serial, listed }: { readonly serial: unknown; readonly listed: unknown },
  differences: () => readonly RecordDifference[],
): RecordComparison {
  const known = serial === "0" || serial === listed;
  const rows = known ? differences().toSorted(byAddress) : [];
  return { serial: numberOf(whatOf(env), serial), known, differences: rows };
}

function readDifference(what: string, row: unknown): RecordDifference {
  const [address, applied, found] = listOf(what, row).map((field) => textOf(what, field));
  if (parseAddress(address ?? "") === undefined) throw corrupt(what, "it names no address");
  return { address: address as Address, applied: digestOrNull(applied), found: digestOrNull(found) };
}

function digestOrNull(text: string | undefined): Digest | null {
  return text === undefined || text === "" ? null : (text as Digest);
}

function byAddress(a: RecordDifference, b: RecordDifference): number {
  return a.address < b.address ? -1 : 1;
}
