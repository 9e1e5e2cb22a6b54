// The reconciler's way of telling of drift: what a round found goes to the outbox where it is news, and from there into the
// issue.
import type { DriftReport } from "../../../contracts/drift.ts";
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import type { Redis } from "../../../store/connect.ts";
import { readDriftNote, writeDriftNote } from "../../../store/drift-note.ts";
import { pushOutbox } from "../../../store/outbox.ts";
import { type DriftTelling, driftDigest, tellDrift } from "./tell-drift.ts";

/** An issue cannot show more, and an entry of the outbox should stay small. The counts are of all. */
const ITEMS = 200;

/** Answers whether there is something new to tell. */
export async function noteDrift(redis: Redis, report: DriftReport): Promise<boolean> {
  const { env } = report;
  const kept = { ...report, items: report.items.slice(0, ITEMS) };
  const { told } = await readDriftNote(redis, env);
  if (told === (kept.items.length === 0 ? null : driftDigest(kept))) return false;
  await pushOutbox(redis, env, { kind: "drift", env, report: kept });
  return true;
}

/** A token that may open no issues, or a repository without them, is said once for each drift, and keeps nothing else back. */
export async function reportDrift(
  telling: DriftTelling & { readonly say: (line: string) => void },
  report: DriftReport,
): Promise<void> {
  const { redis, env, say } = telling;
  try {
    const answer = await tellDrift(telling, report);
    if (answer.outcome === "busy")
      throw new TransientFailure("DRIFT_BUSY", `${answer.holder} tells of the drift of environment ${env} just now`);
  } catch (error) {
    const refused = error instanceof PermanentFailure && ["GITHUB_FORBIDDEN", "GITHUB_NOT_FOUND"].includes(error.code);
    if (!refused) throw error;
    say(`the drift of environment ${env} is not told in an issue: ${error.message}`);
    const told = report.items.length === 0 ? null : driftDigest(report);
    await writeDriftNote(redis, env, { ...(await readDriftNote(redis, env)), told });
  }
}
