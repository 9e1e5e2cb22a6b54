// The table of all memories in one PostgreSQL database, made where it is missing.
import { PermanentFailure } from "../../../contracts/failure.ts";
import type { Query } from "./postgres-session.ts";

/** One of them at a time makes the table; any number that nobody else uses for a lock of this kind. */
const LOCK = 7_212_026;

const TABLE = `
CREATE TABLE IF NOT EXISTS countwheel_memory (
  environment text NOT NULL,
  namespace text NOT NULL,
  memory text NOT NULL,
  key text COLLATE "C" NOT NULL,
  value text NOT NULL,
  written jsonb NOT NULL,
  space text,
  embedding vector,
  PRIMARY KEY (environment, namespace, memory, key),
  CHECK ((space IS NULL) = (embedding IS NULL))
)`;

/** Throws MEMORY_REFUSED where the extension is missing and may not be made. */
export async function requireTable(label: string, query: Query): Promise<void> {
  const [found] = await query("SELECT to_regclass('countwheel_memory') IS NOT NULL AS there");
  if (found?.["there"] === true) return;
  await query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
  await requireExtension(label, query);
  await query(TABLE);
}

async function requireExtension(label: string, query: Query): Promise<void> {
  const [installed] = await query("SELECT 1 FROM pg_extension WHERE extname = 'vector'");
  if (installed !== undefined) return;
  try {
    await query("CREATE EXTENSION IF NOT EXISTS vector");
  } catch (cause) {
    const mend = "An administrator has to run `CREATE EXTENSION vector` in its database once";
    throw new PermanentFailure("MEMORY_REFUSED", `${label}: its PostgreSQL has no pgvector. ${mend}`, { cause });
  }
}
