// What the history keeps of an apply: who, from where, and each record before and after. Pure.
import type { Address } from "../../contracts/address.ts";
import {
  type AppliedChange,
  type ApplyFacts,
  type HeldBack,
  type RollbackFacts,
  setDigestOf,
} from "../../contracts/history.ts";
import type { AcceptedHistory } from "../../contracts/holds.ts";
import type { Change, Plan } from "../../contracts/plan.ts";
import type { StateRecord } from "../../contracts/record.ts";
import type { NextRecords } from "../apply/next-records.ts";

/** What only the caller of an apply knows. */
export interface ApplyNote {
  /** Whoever asked for it; absent for the reconciler. */
  readonly person?: string;
  readonly rollbackOf?: RollbackFacts;
  /** Why somebody applies although the environment is frozen. */
  readonly overrideFreeze?: string;
  /** Who took a rewritten branch, and which. */
  readonly acceptedHistory?: AcceptedHistory;
  /** The state was lost, and is made anew. */
  readonly rebuilt?: true;
}

export interface FactsInput {
  readonly plan: Pick<Plan, "changes" | "counts" | "source" | "policyDigest" | "configDigest">;
  readonly next: NextRecords;
  /** As they were before. */
  readonly records: ReadonlyMap<Address, StateRecord>;
  readonly note: ApplyNote;
  readonly holder: string;
  readonly tasks: readonly string[];
  readonly startedAt: string;
}

export function applyFacts({ plan, next, records, note, holder, tasks, startedAt }: FactsInput): ApplyFacts {
  const { repo, ref, headSha, path, dirty } = plan.source;
  return {
    counts: plan.counts,
    source: { repo, ref, headSha, path, dirty },
    holder,
    person: note.person ?? null,
    changes: appliedChanges(plan.changes, next, records),
    blocked: heldBack(plan.changes),
    tasks,
    set: setDigestOf(next.all),
    rollbackOf: note.rollbackOf ?? null,
    ...(note.rebuilt === undefined ? {} : { rebuilt: note.rebuilt }),
    ...(note.acceptedHistory === undefined ? {} : { acceptedHistory: note.acceptedHistory }),
    overrideFreeze: note.overrideFreeze ?? null,
    policyDigest: plan.policyDigest,
    configDigest: plan.configDigest,
    startedAt,
  };
}

/** From what is written and pruned, not from the plan: a move is a write here and a prune there. */
function appliedChanges(
  planned: readonly Change[],
  { writes, prunes }: NextRecords,
  records: ReadonlyMap<Address, StateRecord>,
): AppliedChange[] {
  const changes = new Map(planned.map((change) => [change.address, change]));
  const movedAway = new Map(planned.map((change) => [change.previousAddress, change]));
  const digestBefore = (address: Address) => records.get(address)?.digest ?? null;
  const written = writes.map(({ address, digest, source: { file, line } }): AppliedChange => {
    const { action = "update", previousAddress } = changes.get(address) ?? {};
    const from = previousAddress === undefined ? {} : { previousAddress };
    return { address, action, ...from, before: digestBefore(address), after: digest, file, line };
  });
  const gone = prunes.map((address): AppliedChange => {
    const { file = "", line = 1 } = records.get(address)?.source ?? {};
    const action = movedAway.has(address) ? "move" : "prune";
    return { address, action, before: digestBefore(address), after: null, file, line };
  });
  return [...written, ...gone].toSorted((a, b) => (a.address < b.address ? -1 : 1));
}

function heldBack(planned: readonly Change[]): HeldBack[] {
  return planned.flatMap(({ address, action, blocked }) =>
    blocked === undefined ? [] : [{ address, action, code: blocked.code }],
  );
}
