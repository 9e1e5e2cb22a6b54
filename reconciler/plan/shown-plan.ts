// What makes two plans the same to whoever has seen one of them: the same changes, of the same commit, under the same rules.
import { type Digest, digestOf } from "../../contracts/canonical.ts";
import type { Plan } from "../../contracts/plan.ts";

/** Not the plan's own digest: an apply of something else counts the serial up, and changes nothing of what was shown. */
export function shownDigest(plan: Plan): Digest {
  const { changes, confirm, policyDigest, configDigest, source } = plan;
  const { headSha, treeSha, path, history } = source;
  const { lineage } = plan.state;
  return digestOf({ changes, confirm, policyDigest, configDigest, headSha, treeSha, path, history, lineage });
}
