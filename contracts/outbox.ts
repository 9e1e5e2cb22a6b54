// The outbox: what runners and the reconciler want people to see on GitHub. Ids and facts only; the report renders them.
import type { DriftReport } from "./drift.ts";
import type { Plan } from "./plan.ts";
import type { PreviewFacts } from "./preview.ts";
import type { TaskRef } from "./task.ts";

/** One entry per subject is enough: the report always renders the newest facts, so entries coalesce. */
export type OutboxEntry =
  | {
      readonly kind: "plan";
      readonly env: string;
      readonly pullRequest: number;
      readonly headSha: string;
      readonly plan: Plan;
      /** It edits `countwheel.yaml`; absent: it does not. */
      readonly editsSettings?: true;
    }
  /** A head that cannot be planned, and only another one mends it. */
  | {
      readonly kind: "unplanned";
      readonly env: string;
      readonly pullRequest: number;
      readonly headSha: string;
      readonly code: string;
      readonly message: string;
    }
  | {
      readonly kind: "applied";
      readonly env: string;
      readonly commit: string;
      readonly serial: number;
      readonly plan: Plan;
      readonly tookMs: number;
    }
  | { readonly kind: "preview"; readonly env: string; readonly preview: PreviewFacts }
  | { readonly kind: "drift"; readonly env: string; readonly report: DriftReport }
  | { readonly kind: "task"; readonly task: TaskRef };

/** Entries with the same subject replace each other. */
export function outboxSubject(entry: OutboxEntry): string {
  switch (entry.kind) {
    case "plan":
    case "unplanned":
      return `plan/${entry.pullRequest}`;
    case "applied":
      return `applied/${entry.commit}`;
    case "preview":
      // A head that supersedes another one leaves the other's check to be concluded.
      return `preview/${entry.preview.pullRequest}/${entry.preview.head}`;
    case "drift":
      return "drift";
    case "task":
      return `task/${entry.task.namespace}/${entry.task.name}`;
  }
}
