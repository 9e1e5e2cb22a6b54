// The seal over what a task was made with: a system, an input, a snapshot, limits. Nothing of it changes while it lives, so
// whoever claims the task notices a byte that somebody else wrote. What a task comes to is in its trace, which is chained.
import { digestOf } from "../contracts/canonical.ts";
import { checkSeal, makeSeal, type Sealing } from "./seal.ts";

export type SealedFields = Readonly<Record<string, string | number>>;

const SEALED = [
  "system",
  "manifest",
  "input",
  "snapshot",
  "maxAttempts",
  "retryBackoffMs",
  "retry",
  "waitMs",
  "durationMs",
  "maxTurns",
  "priority",
  "source",
  "plan",
  "trigger",
  "requestedBy",
  "createdAt",
] as const;

/** `id`: `<namespace>/<name>`, so that what was made for one task cannot be shown as another. */
export function sealTask(sealing: Sealing, id: string, fields: SealedFields): string {
  const parts = partsOf(id, fields);
  return makeSeal(sealing, parts, () => digestOf(parts));
}

/** Throws PermanentFailure STATE_CORRUPT, STATE_UNSEALED or STATE_KEY_MISSING, naming the task. */
export function checkTaskSeal(sealing: Sealing, id: string, fields: SealedFields): void {
  // Of a version that did not seal tasks. With a key that is no excuse.
  if (sealing.key === undefined && fields["seal"] === undefined) return;
  const parts = partsOf(id, fields);
  checkSeal(sealing, { what: `the task ${id}`, seal: fields["seal"], parts, plain: () => digestOf(parts) });
}

/** As Redis keeps them: numbers as text, and what is not there as such. */
function partsOf(id: string, fields: SealedFields): string[] {
  return ["task", id, ...SEALED.map((name) => (fields[name] === undefined ? "-" : `+${String(fields[name])}`))];
}
