// The history of an environment: one entry per apply, newest first, each verified before it is shown.
import { digestText } from "../contracts/canonical.ts";
import { isSealed } from "../contracts/state-key.ts";
import { ask, askAll } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { STORE_LIMITS } from "./limits.ts";
import { corrupt, fieldsOf, jsonOf, listOf, numberOf, objectOf, textOf, textsOf } from "./reply.ts";
import { checkSeal, makeSeal, type Sealing } from "./seal.ts";
import { type KeptHead, openHead } from "./sealed-record.ts";
import { sealingOf } from "./state.ts";

export interface HistoryEntry {
  readonly serial: number;
  readonly planId: string;
  readonly planDigest: string;
  readonly commit: string | null;
  readonly appliedAt: string;
  /** What the caller of applyPlan put into `history`. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** The records that it wrote or pruned; null where they were too many to tell, or a version that told none wrote it. */
  readonly written: readonly string[] | null;
  /** False: made before a state key was set. Nobody can tell whether it is as it was written. */
  readonly sealed: boolean;
}

/** Throws PermanentFailure STATE_CORRUPT, STATE_UNSEALED or STATE_KEY_MISSING, naming the entry. */
export async function readHistory(redis: Redis, env: string, limit: number): Promise<HistoryEntry[]> {
  return await readEntries(redis, env, { newest: "+", oldest: "-", limit });
}

/** undefined: no such apply, or it is no longer kept. */
export async function readApply(redis: Redis, env: string, serial: number): Promise<HistoryEntry | undefined> {
  const [entry] = await readEntries(redis, env, { newest: `${serial}-0`, oldest: `${serial}-0`, limit: 1 });
  return entry;
}

/** Every kept apply behind this one, newest first. */
export async function readAppliesAfter(redis: Redis, env: string, serial: number): Promise<HistoryEntry[]> {
  const limit = 2 * STORE_LIMITS.keptApplies;
  return await readEntries(redis, env, { newest: "+", oldest: `${serial + 1}-0`, limit });
}

/** Whether a plan was applied before. */
export async function isPlanUsed(redis: Redis, env: string, planId: string): Promise<boolean> {
  return (await ask(redis, () => redis.zscore(environmentKeys(env).plans, planId))) !== null;
}

/** What stands beside an entry: see {@link readHistory}. */
export function sealEntry(entry: string, serial: number, sealing: Sealing): string {
  return makeSeal(sealing, entryParts(entry, serial), () => digestText(entry));
}

/** Plan id, lineage and all else are inside of the text. */
function entryParts(entry: string, serial: number): string[] {
  return ["history", String(serial), entry];
}

interface Range {
  readonly newest: string;
  readonly oldest: string;
  readonly limit: number;
}

async function readEntries(redis: Redis, env: string, { newest, oldest, limit }: Range): Promise<HistoryEntry[]> {
  const keys = environmentKeys(env);
  const [head, found] = await askAll(redis, () =>
    redis.multi().hgetall(keys.head).xrevrange(keys.history, newest, oldest, "COUNT", limit).exec(),
  );
  const sealing = sealingOf(redis, env);
  const sealedFrom = sealing.key === undefined ? 0 : (headOf(head, sealing)?.sealed?.from ?? 0);
  const what = `the history of environment ${env}`;
  return listOf(what, found).map((item) => {
    const [id, fields] = listOf(what, item);
    return readEntry(textOf(what, id), fieldsOf(what, fields), sealing, sealedFrom);
  });
}

function headOf(found: unknown, sealing: Sealing): KeptHead | null {
  const fields = objectOf(`the state head of environment ${sealing.env}`, found);
  return Object.keys(fields).length === 0 ? null : openHead(fields, sealing);
}

function readEntry(
  id: string,
  fields: Readonly<Record<string, string>>,
  sealing: Sealing,
  sealedFrom: number,
): HistoryEntry {
  const what = `history entry ${id} of environment ${sealing.env}`;
  const text = fields["entry"] ?? "";
  const entry = objectOf(what, jsonOf(what, text));
  const serial = numberOf(what, entry["serial"]);
  if (id !== `${serial}-0`) throw corrupt(what, "it belongs to another apply");
  const { seal } = fields;
  // Entries of versions before seals have none at all.
  if (sealing.key !== undefined || (seal !== undefined && !isSealed(seal))) {
    const believesUnsealed = serial <= sealedFrom;
    const plain = (): string => (seal === undefined ? "" : digestText(text));
    checkSeal({ ...sealing, believesUnsealed }, { what, seal, parts: entryParts(text, serial), plain });
  }
  return {
    serial,
    planId: textOf(what, entry["planId"]),
    planDigest: textOf(what, entry["planDigest"]),
    commit: entry["commit"] === null ? null : textOf(what, entry["commit"]),
    appliedAt: textOf(what, entry["appliedAt"]),
    facts: objectOf(what, entry["facts"]),
    written: Array.isArray(entry["written"]) ? textsOf(what, entry["written"]) : null,
    sealed: sealing.key !== undefined && isSealed(seal ?? ""),
  };
}
