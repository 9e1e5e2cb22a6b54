// Imports an export: verified whole, then written under the writer's lock into an environment that has nothing yet.
import type { Identity } from "../../contracts/approval.ts";
import { digestText } from "../../contracts/canonical.ts";
import type { EnvironmentCopy, LeftOut } from "../../contracts/environment-copy.ts";
import { type Redis, stateKeyOf } from "../../store/connect.ts";
import { importState } from "../../store/scripts/import-state.ts";
import { acquireWriterLock } from "../../store/writer-lock.ts";
import type { LineageMemory } from "../apply/lineage-memory.ts";
import { type Belief, parseExport } from "./export-lines.ts";

export interface Importer {
  readonly redis: Redis;
  readonly env: string;
  readonly holder: string;
  readonly lineages: LineageMemory;
  /** Who imports. */
  readonly by: Identity;
}

export type ImportOutcome =
  | {
      readonly outcome: "imported";
      /** The environment that it was exported from. */
      readonly from: string;
      readonly exportedAt: string;
      readonly copy: EnvironmentCopy;
      readonly leftOut: readonly LeftOut[];
    }
  | { readonly outcome: "refused"; readonly line: number | null; readonly why: string }
  | { readonly outcome: "not-empty" }
  | { readonly outcome: "locked"; readonly holder: string }
  | { readonly outcome: "lock-lost" };

const LOCK_TTL_MS = 10_000;

export async function importEnvironment(
  importer: Importer,
  text: string,
  belief: Pick<Belief, "acceptUnsealed"> = {},
): Promise<ImportOutcome> {
  const { redis, env, holder, lineages, by } = importer;
  const parsed = parseExport(text, { ...belief, key: stateKeyOf(redis) });
  if (parsed.outcome === "refused") return parsed;
  const { facts, copy, leftOut } = parsed;
  const word = { by, from: facts.env, exportedAt: facts.exportedAt, file: digestText(text) };
  const answer = await acquireWriterLock(redis, { env, holder, ttlMs: LOCK_TTL_MS });
  if (answer.outcome === "held") return { outcome: "locked", holder: answer.holder };
  try {
    const { outcome } = await importState(redis, env, answer.lock, copy, word);
    if (outcome !== "imported") return { outcome };
    await lineages.remember(copy.head);
    return { outcome, from: facts.env, exportedAt: facts.exportedAt, copy, leftOut };
  } finally {
    await answer.lock.release();
  }
}
