// A memory in PostgreSQL with pgvector, shared by the tasks of an environment: searched by vectors, or by words.
import { PermanentFailure } from "../../../contracts/failure.ts";
import { labelled } from "../../gate/carried.ts";
import type { Outbound } from "../../tools/checked-request.ts";
import { entryOf } from "../entry.ts";
import { MEMORY_LIMITS } from "../limits.ts";
import type { MemoryEntry, MemoryHit, VectorEntry, VectorMemory } from "../memory.ts";
import { compareRanked, scoreOf, wordsOf } from "../rank.ts";
import { spaceText, type Vector, type VectorSpace } from "../vector.ts";
import { vectorsDiffer } from "../vectors-differ.ts";
import { requireTable } from "./memory-table.ts";
import { type PostgresSource, readPlace } from "./postgres-place.ts";
import { inTransaction, type PostgresServer, type Query } from "./postgres-session.ts";

export interface PgvectorSource extends PostgresSource {
  readonly env: string;
  readonly name: string;
  readonly outbound: (url: URL) => Outbound;
}

export function openPgvectorMemory(source: PgvectorSource): VectorMemory {
  const { label, env, namespace, name, outbound } = source;
  const server = { label, place: () => readPlace(source), outbound };
  const shelf = { label, server, mine: [env, namespace, name] as const };
  return {
    read: async (key, signal) => {
      const [row] = await ask(shelf, signal, (query) => query(`${SELECT} AND key = $4`, [...shelf.mine, key]));
      return row === undefined ? undefined : readRow(shelf, row);
    },
    list: async (prefix, limit, signal) => {
      const sql = `${SELECT} AND starts_with(key, $4) ORDER BY key LIMIT $5`;
      const rows = await ask(shelf, signal, (query) => query(sql, [...shelf.mine, prefix, limit]));
      return rows.map((row) => {
        const { key, written } = readRow(shelf, row);
        return { key, ...labelled(written.labels ?? []) };
      });
    },
    search: (text, limit, signal) => ask(shelf, signal, (query) => searchWords(shelf, query, text, limit)),
    write: (entries, signal) => ask(shelf, signal, (query) => write(shelf, query, entries, undefined)),
    writeVectors: (entries, space, signal) => ask(shelf, signal, (query) => write(shelf, query, entries, space)),
    nearest: (vector, space, limit, signal) =>
      ask(shelf, signal, (query) => nearest(shelf, query, vector, space, limit)),
    bare: async (limit, signal) => {
      const sql = `${SELECT} AND embedding IS NULL ORDER BY key LIMIT $4`;
      const rows = await ask(shelf, signal, (query) => query(sql, [...shelf.mine, limit]));
      return rows.map((row) => readRow(shelf, row));
    },
    addVectors: (entries, space, signal) => ask(shelf, signal, (query) => addVectors(shelf, query, entries, space)),
  };
}

interface Shelf {
  readonly label: string;
  readonly server: PostgresServer;
  /** The first three parameters of every statement: environment, namespace and name of the Memory. */
  readonly mine: readonly [string, string, string];
}

type Row = Readonly<Record<string, unknown>>;

const MINE = "environment = $1 AND namespace = $2 AND memory = $3";
const SELECT = `SELECT key, value, written FROM countwheel_memory WHERE ${MINE}`;

function ask<T>({ label, server }: Shelf, signal: AbortSignal, work: (query: Query) => Promise<T>): Promise<T> {
  return inTransaction(server, signal, async (query) => {
    await requireTable(label, query);
    return work(query);
  });
}

function readRow({ label }: Shelf, row: Row): MemoryEntry {
  const { key, value, written } = row;
  const entry = typeof key === "string" ? entryOf(key, { value, written }) : undefined;
  if (entry !== undefined) return entry;
  throw new PermanentFailure("MEMORY_UNREADABLE", `${label}: the entry \`${String(key)}\` is none of Countwheel's`);
}

const WRITE = `
INSERT INTO countwheel_memory (environment, namespace, memory, key, value, written, space, embedding)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8::vector)
ON CONFLICT (environment, namespace, memory, key) DO UPDATE
SET value = excluded.value, written = excluded.written, space = excluded.space, embedding = excluded.embedding`;

async function write(
  shelf: Shelf,
  query: Query,
  entries: readonly (MemoryEntry & Partial<VectorEntry>)[],
  space: VectorSpace | undefined,
): Promise<void> {
  await holdMemory(shelf, query);
  if (space !== undefined) await requireSpace(shelf, query, space);
  for (const { key, value, written, vector } of entries) {
    const vectors = space === undefined || vector === undefined ? [null, null] : [spaceText(space), sqlVector(vector)];
    await query(WRITE, [...shelf.mine, key, value, JSON.stringify(written), ...vectors]);
  }
}

const ADD = `
UPDATE countwheel_memory SET space = $6, embedding = $7::vector
WHERE ${MINE} AND key = $4 AND value = $5 AND embedding IS NULL`;

async function addVectors(
  shelf: Shelf,
  query: Query,
  entries: readonly VectorEntry[],
  space: VectorSpace,
): Promise<void> {
  await holdMemory(shelf, query);
  await requireSpace(shelf, query, space);
  for (const { key, value, vector } of entries) {
    await query(ADD, [...shelf.mine, key, value, spaceText(space), sqlVector(vector)]);
  }
}

/** Writers of one memory come one after the other, so that no two begin it with vectors of two models. */
async function holdMemory({ mine }: Shelf, query: Query): Promise<void> {
  await query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`countwheel ${mine.join("/")}`]);
}

async function requireSpace({ label, mine }: Shelf, query: Query, space: VectorSpace): Promise<void> {
  const sql = `SELECT space FROM countwheel_memory WHERE ${MINE} AND space <> $4 LIMIT 1`;
  const [other] = await query(sql, [...mine, spaceText(space)]);
  if (other !== undefined) throw vectorsDiffer(label, String(other["space"]), spaceText(space));
}

const NEAREST = `
SELECT key, value, written, 1 - (embedding <=> $4::vector) AS score FROM countwheel_memory
WHERE ${MINE} AND embedding IS NOT NULL ORDER BY embedding <=> $4::vector, key LIMIT $5`;

async function nearest(
  shelf: Shelf,
  query: Query,
  vector: Vector,
  space: VectorSpace,
  limit: number,
): Promise<MemoryHit[]> {
  await requireSpace(shelf, query, space);
  const rows = await query(NEAREST, [...shelf.mine, sqlVector(vector), limit]);
  // What has no direction is no number away.
  return rows
    .map((row) => ({ ...readRow(shelf, row), score: Math.min(1, Number(row["score"])) }))
    .filter(({ score }) => score > 0);
}

/** As a memory in Redis does it, over as many entries as that has at most. */
async function searchWords(shelf: Shelf, query: Query, text: string, limit: number): Promise<MemoryHit[]> {
  const { label, mine } = shelf;
  const rows = await query(`${SELECT} LIMIT $4`, [...mine, MEMORY_LIMITS.entries + 1]);
  if (rows.length > MEMORY_LIMITS.entries) {
    const mend = "Name an `embedding_model`, by which the server can search";
    const message = `${label} holds more than ${MEMORY_LIMITS.entries} entries, too many for a search by words. ${mend}`;
    throw new PermanentFailure("MEMORY_TOO_LARGE", message);
  }
  const words = wordsOf(text);
  return rows
    .map((row) => readRow(shelf, row))
    .map((entry) => ({ ...entry, score: scoreOf(words, `${entry.key} ${entry.value}`) }))
    .filter(({ score }) => score > 0)
    .toSorted(compareRanked)
    .slice(0, limit);
}

function sqlVector(vector: Vector): string {
  return `[${vector.join(",")}]`;
}
