// An observed state made from manifests: what `plan --against <ref>` and the Action compare with. Needs no Redis.
import type { ObservedState, StateRecord } from "../../contracts/record.ts";
import type { PlannableSource } from "./make-plan.ts";

/** As if exactly this set had been applied, and with no head: a plan against it says "no state", and none is bound. */
export function observedFromSource({ identity, load }: PlannableSource): ObservedState {
  const records = load.set.manifests.map(({ address, manifest, digest, place }): StateRecord => {
    const { file, line, column } = place;
    const source = { repo: identity.repo, commit: identity.headSha, file, line, column };
    return {
      address,
      manifest,
      digest,
      generation: 1,
      source,
      serial: 0,
      appliedAt: identity.commit?.committedAt ?? "",
    };
  });
  return { head: null, records: new Map(records.map((record) => [record.address, record])) };
}
