// Compares the records of an environment with what applies have written, without reading any of them.
import { type Address, parseAddress } from "../../contracts/address.ts";
import type { Digest } from "../../contracts/canonical.ts";
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
 * ARGV  1 the only addresses to compare, as JSON; '' for all
 * Answers {serial, serial of the inventory or '', {address, applied or '', found or ''}…}. Reads only.
 */
const COMPARE = defineScript(`
local head, records, inventory = unpack(KEYS)
local answer = { redis.call('HGET', head, 'serial') or '0', redis.call('HGET', inventory, '') or '' }
local function digest_of(record) return record and (string.match(record, '^%S+ (%S+) ') or '?') or '' end
local function compare(address, applied, found)
  if applied ~= found then answer[#answer + 1] = { address, applied, found } end
end
if ARGV[1] ~= '' then
  for _, address in ipairs(cjson.decode(ARGV[1])) do
    local applied = redis.call('HGET', inventory, address) or ''
    compare(address, applied, digest_of(redis.call('HGET', records, address)))
  end
  return answer
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

/** `only`: what a plan touches, so that a look at few records costs little. */
export async function compareRecords(redis: Redis, env: string, only?: readonly Address[]): Promise<RecordComparison> {
  const what = `the inventory of environment ${env}`;
  const { head, records, inventory } = environmentKeys(env);
  const asked = only === undefined ? "" : JSON.stringify(only);
  const answer = await runScript(redis, COMPARE, [head, records, inventory], [asked]);
  const [serial, listedSerial, ...rows] = listOf(what, answer);
  const known = serial === "0" || serial === listedSerial;
  const differences = known ? rows.map((row) => readDifference(what, row)) : [];
  return { serial: numberOf(what, serial), known, differences: differences.toSorted(byAddress) };
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
