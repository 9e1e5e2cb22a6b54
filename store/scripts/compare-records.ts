// Compares the records of an environment with what applies have written, without reading any of them.
import { type Address, parseAddress } from "../../contracts/address.ts";
import type { Digest } from "../../contracts/canonical.ts";
import { TransientFailure } from "../../contracts/failure.ts";
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
 * ARGV  1 'records' or 'inventory': what is gone through · 2 cursor · 3 how many at once
 * Answers {next cursor, serial, serial of the inventory or '', how many more the inventory lists than there are records,
 * {address, applied or '', found or ''}…}. Reads only, and a part at a time: of a large state a whole comparison would hold
 * Redis up for longer than anybody should wait. The inventory is asked for a thousand at once, in half the time.
 */
export const COMPARE = defineScript(`
local head, records, inventory = unpack(KEYS)
local through = ARGV[1] == 'records' and records or inventory
local part = redis.call('HSCAN', through, ARGV[2], 'COUNT', ARGV[3])
local scanned = part[2]
local more = redis.call('HLEN', inventory) - 1 - redis.call('HLEN', records)
local answer = { part[1], redis.call('HGET', head, 'serial') or '0', redis.call('HGET', inventory, '') or '', more }
local function compare(address, applied, found)
  if applied ~= found then answer[#answer + 1] = { address, applied, found } end
end
if through == records then
  for first = 1, #scanned, 2000 do
    local addresses = {}
    for at = first, math.min(first + 1998, #scanned), 2 do addresses[#addresses + 1] = scanned[at] end
    for at, applied in ipairs(redis.call('HMGET', inventory, unpack(addresses))) do
      local found = string.match(scanned[first + 2 * at - 1], '^%S+ (%S+) ') or '?'
      compare(addresses[at], applied or '', found)
    end
  end
else
  for at = 1, #scanned, 2 do
    local address = scanned[at]
    local isGone = address ~= '' and redis.call('HEXISTS', records, address) == 0
    if isGone then compare(address, scanned[at + 1], '') end
  end
end
return answer
`);

/** Milliseconds of Redis at once; many small parts would be many ways there and back. */
const PART = 5_000;
const TRIES = 3;

/** Each record at one moment, all of them between two applies. Throws TransientFailure STATE_BUSY where applies do not stop. */
export async function compareRecords(redis: Redis, env: string): Promise<RecordComparison> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const written = await compareThrough(redis, env, "records");
    const gone = isAllThere(written) ? NOTHING_GONE : await compareThrough(redis, env, "inventory");
    const moments = new Set([...written.moments, ...gone.moments]);
    const [moment = "0 "] = moments;
    const [serial = "0", listed = ""] = moment.split(" ");
    if (moments.size === 1) return comparisonAt(env, { serial, listed }, () => [...written.rows, ...gone.rows]);
  }
  throw new TransientFailure("STATE_BUSY", `The state of environment ${env} keeps changing while it is compared`);
}

interface Part {
  /** The serials at each part: more than one says that an apply came in between. */
  readonly moments: ReadonlySet<string>;
  readonly rows: readonly RecordDifference[];
  /** How many more the inventory lists than there are records, at the end. */
  readonly more: number;
}

const NOTHING_GONE: Part = { moments: new Set(), rows: [], more: 0 };

/** Where each record is listed, and no more than these are, the inventory lists no record that is gone. */
function isAllThere({ rows, more }: Part): boolean {
  return more === 0 && rows.every(({ applied }) => applied !== null);
}

async function compareThrough(redis: Redis, env: string, through: "records" | "inventory"): Promise<Part> {
  const what = whatOf(env);
  const { head, records, inventory } = environmentKeys(env);
  const moments = new Set<string>();
  // A scan may answer a field twice while its hash grows.
  const rows = new Map<Address, RecordDifference>();
  let cursor = "0";
  let more = 0;
  do {
    const answer = listOf(what, await runScript(redis, COMPARE, [head, records, inventory], [through, cursor, PART]));
    const [next, serial, listed, beyond, ...found] = answer;
    moments.add(`${textOf(what, serial)} ${textOf(what, listed)}`);
    for (const row of found.map((fields) => readDifference(what, fields))) rows.set(row.address, row);
    more = numberOf(what, beyond);
    cursor = textOf(what, next);
  } while (cursor !== "0");
  return { moments, rows: [...rows.values()], more };
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
  return comparisonAt(env, answer, () => rows.filter((row) => row.applied !== row.found));
}

const CHUNK = 500;

function whatOf(env: string): string {
  return `the inventory of environment ${env}`;
}

/** `serial` of the head, `listed` of the inventory. */
export function comparisonAt(
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
