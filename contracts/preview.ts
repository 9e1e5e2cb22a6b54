// Preview runs: what marks a Task for them, and what is kept of one. A preview is an environment of its own, made for one
// head of one pull request.
import type { TaskPhase } from "./task.ts";

/** Annotation of a Task; its only value so far is {@link ON_PULL_REQUEST}. */
export const RUN_ON = "countwheel.dev/run-on";
export const ON_PULL_REQUEST = "pull_request";

/**
 * `asking`: nobody has said yet that it may run · `refused`: none of its Tasks may · `starting`: its environment is being
 * made · `running` · `ended`: its tasks have; what they left can be looked at · `ending`: it is being taken down · `dropping`:
 * nothing of it runs any more, and what it left is being removed.
 */
export const PREVIEW_PHASES = ["asking", "refused", "starting", "running", "ended", "ending", "dropping"] as const;
export type PreviewPhase = (typeof PREVIEW_PHASES)[number];

/** Why a preview is taken down. */
export type PreviewEnd = "closed" | "superseded" | "again" | "disabled";

/** A task of a preview as it was when it was looked at last. */
export interface PreviewTask {
  readonly namespace: string;
  readonly name: string;
  readonly phase: TaskPhase;
  readonly trace: { readonly seq: number; readonly head: string };
  /** What it came to, in Markdown of ours; null while it runs. Kept, because its trace goes with its environment. */
  readonly line: string | null;
}

export interface Preview {
  /** Made anew at each start: two previews of one pull request are told apart by it. */
  readonly id: string;
  readonly pullRequest: number;
  readonly head: string;
  /** The environment that it runs in. */
  readonly env: string;
  readonly phase: PreviewPhase;
  /** Of one that is being taken down. */
  readonly end: PreviewEnd | null;
  /** Who said that it may run; null: nobody had to. */
  readonly by: string | null;
  readonly tasks: readonly PreviewTask[];
  /** How many marked Tasks do not run. */
  readonly left: number;
  /** Sentences for people: what does not run and why, what is the base's. What others wrote in backticks. */
  readonly remarks: readonly string[];
  readonly startedAt: string;
  /** Whatever has not ended by then is cancelled. */
  readonly endsAt: string;
}

/** What people are told of a preview; the rest is read where it is told. */
export type PreviewFacts = Pick<
  Preview,
  "pullRequest" | "head" | "env" | "phase" | "end" | "by" | "tasks" | "left" | "remarks" | "endsAt"
>;
