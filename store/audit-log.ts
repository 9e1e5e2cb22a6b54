// The audit log of an environment: what happened there, chained entry by entry. Appending, reading, and shortening it.
import { type AuditEnd, type AuditEntry, type AuditFacts, auditStart, chainEntry } from "../contracts/audit/entry.ts";
import { ask, askAll } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { clockOf, corrupt, jsonOf, listOf, numberOf, objectOf, textOf, textsOf } from "./reply.ts";
import { appendToAudit, type ToldChange } from "./scripts/append-audit.ts";

export interface AuditDraft {
  /** Where it is given, an entry of this name is in the log only once, however often it is appended. */
  readonly once?: string;
  /** A function where the facts depend on the entry before. */
  readonly facts: AuditFacts | ((after: AuditEnd) => AuditFacts);
}

export interface AuditExtras {
  /** Ended tasks that were to be told, and are with these entries. */
  readonly settled?: readonly (readonly [member: string, token: string])[];
  readonly change?: ToldChange;
}

/** All of them or none, in this order. False: the change that they tell of would be none, and nothing is written. */
export async function appendAudit(
  redis: Redis,
  env: string,
  drafts: readonly AuditDraft[],
  { settled = [], change }: AuditExtras = {},
): Promise<boolean> {
  const names = drafts.flatMap(({ once }) => once ?? []);
  for (;;) {
    const { end, after, at, known } = await readPlace(redis, env, names);
    const fresh = drafts.filter(({ once }) => once === undefined || !known.has(once));
    if (fresh.length === 0 && settled.length === 0) return true;
    const entries = chained(end, at, fresh);
    const answer = await appendToAudit(redis, env, { after, entries, settled, change });
    if (answer !== "moved") return answer === "appended";
  }
}

function chained(end: AuditEnd, at: string, drafts: readonly AuditDraft[]): { entry: AuditEntry; once: string }[] {
  let after = end;
  return drafts.map(({ once = "", facts }) => {
    const entry = chainEntry(after, at, typeof facts === "function" ? facts(after) : facts);
    after = entry;
    return { entry, once };
  });
}

interface Place {
  readonly end: AuditEnd;
  /** The hash of the last entry; '' where there is none. */
  readonly after: string;
  /** Redis' own clock. */
  readonly at: string;
  /** Those of the names whose entries are there. */
  readonly known: ReadonlySet<string>;
}

async function readPlace(redis: Redis, env: string, names: readonly string[]): Promise<Place> {
  const what = `the audit log of ${env}`;
  const { audit, auditIndex } = environmentKeys(env);
  const pipeline = redis.pipeline().xrevrange(audit, "+", "-", "COUNT", 1).time();
  if (names.length > 0) pipeline.hmget(auditIndex, ...names);
  const [last, clock, found = []] = await askAll(redis, () => pipeline.exec());
  const indexed = listOf(what, found);
  const end = endOf(what, listOf(what, last)[0]);
  return {
    end: end ?? auditStart(env),
    after: end?.hash ?? "",
    at: new Date(clockOf(what, clock)).toISOString(),
    known: new Set(names.filter((_, index) => indexed[index] !== null)),
  };
}

/** From the id and the hash beside the entry: one that cannot be read does not keep the next from being written. */
function endOf(what: string, item: unknown): AuditEnd | undefined {
  if (item === undefined) return undefined;
  const [id, fields] = listOf(what, item);
  return { number: numberOf(what, textOf(what, id).split("-", 1)[0]), hash: textOf(what, textsOf(what, fields)[1]) };
}

const CHUNK = 1_000;

/** Entries behind `after`, in order. Whether the chain holds is for the verifier to say. */
export async function* readAuditLog(redis: Redis, env: string, after = 0): AsyncIterable<AuditEntry> {
  let from = `(${after}-0`;
  for (;;) {
    const found = await ask(redis, () => redis.xrange(environmentKeys(env).audit, from, "+", "COUNT", CHUNK));
    for (const [id, fields] of found) {
      from = `(${id}`;
      yield readEntry(`the audit log of ${env} at ${id}`, fields[3]);
    }
    if (found.length < CHUNK) return;
  }
}

export async function readLastEntry(redis: Redis, env: string): Promise<AuditEntry | undefined> {
  const [last] = await ask(redis, () => redis.xrevrange(environmentKeys(env).audit, "+", "-", "COUNT", 1));
  return last === undefined ? undefined : readEntry(`the audit log of ${env} at ${last[0]}`, last[1][3]);
}

/** Forgets every entry before this one, and under which names they were. Names in `kept` stay. */
export async function pruneAudit(
  redis: Redis,
  env: string,
  before: number,
  forgotten: readonly string[],
): Promise<void> {
  const { audit, auditIndex } = environmentKeys(env);
  await ask(redis, () => redis.xtrim(audit, "MINID", `${before}-0`));
  for (let first = 0; first < forgotten.length; first += CHUNK)
    await ask(redis, () => redis.hdel(auditIndex, ...forgotten.slice(first, first + CHUNK)));
}

function readEntry(what: string, text: unknown): AuditEntry {
  const entry = objectOf(what, jsonOf(what, text));
  if (!isEntry(entry)) throw corrupt(what, "it is no entry");
  return entry;
}

function isEntry(entry: Readonly<Record<string, unknown>>): entry is AuditEntry {
  const texts = [entry["kind"], entry["at"], entry["prev"], entry["hash"]];
  return typeof entry["number"] === "number" && texts.every((field) => typeof field === "string");
}
