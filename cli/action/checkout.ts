// Reads commits out of the job's checkout as Git objects, and says what to change in the workflow where one is missing.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { History } from "../../contracts/plan.ts";
import { readCommitSource } from "../../reconciler/environment-source.ts";
import type { Loader } from "../../reconciler/load/load-files.ts";
import type { OverlayPaths } from "../../reconciler/overlay/read-overlays.ts";
import type { PlannableSource } from "../../reconciler/plan/make-plan.ts";
import type { GitSetup } from "../../reconciler/source/git-setup.ts";
import { historyBetween, repositoryFolder } from "../../reconciler/source/history.ts";
import { readRemoteHead } from "../../reconciler/source/remote-head.ts";
import type { SourceAnswer, UnavailableReason } from "../../reconciler/source/source.ts";

export interface Checkout {
  readonly git: GitSetup;
  /** The workspace: a repository on this machine, so nothing of it is fetched or mirrored. */
  readonly workspace: string;
  readonly mirrorFolder: string;
  readonly loader: Loader;
  readonly signal: AbortSignal;
}

/** Where the manifests of the environment are. */
export interface ManifestPlace {
  readonly path: string;
  readonly overlays: OverlayPaths;
}

/** Throws PermanentFailure CHECKOUT_INCOMPLETE, or the reason's code. */
export async function readCheckout(checkout: Checkout, ref: string, place: ManifestPlace): Promise<PlannableSource> {
  const answer = await readAt(checkout, ref, place);
  if (answer.status === "unavailable") throw missing(answer.reason, ref);
  return answer;
}

/** The same for what a plan is compared with: a path that begins with this very change was empty before. */
export async function readBase(checkout: Checkout, ref: string, place: ManifestPlace): Promise<PlannableSource | null> {
  const answer = await readAt(checkout, ref, place);
  if (answer.status !== "unavailable") return answer;
  if (answer.reason.code === "PATH_NOT_FOUND") return null;
  throw missing(answer.reason, ref);
}

function readAt(checkout: Checkout, ref: string, { path, overlays }: ManifestPlace): Promise<SourceAnswer> {
  const tools = { ...checkout, overlays, onProblem: () => undefined };
  return readCommitSource({ kind: "commit", repo: checkout.workspace, ref, path }, tools, checkout.signal);
}

/** undefined: the checkout cannot tell, as when it lacks a commit. */
export async function readHistory(checkout: Checkout, from: string, to: string): Promise<History | undefined> {
  const { git, signal } = checkout;
  const head = await readRemoteHead({ ...checkout, repo: checkout.workspace, ref: from });
  if (head.status !== "ok") return undefined;
  const mirror = await repositoryFolder({ ...checkout, repo: checkout.workspace });
  return historyBetween({ git, mirror, from, to, signal });
}

/** The commit that lies in the working tree. */
export async function readCheckedOut(checkout: Checkout): Promise<string | undefined> {
  const head = await readRemoteHead({ ...checkout, repo: checkout.workspace, ref: "HEAD" });
  return head.status === "ok" ? head.sha : undefined;
}

/** What is missing, with what to change in the workflow. */
export function missing(reason: UnavailableReason, ref: string): PermanentFailure {
  if (reason.code === "REF_NOT_FOUND") {
    const text = `the checkout does not hold \`${ref}\`. Give actions/checkout \`fetch-depth: 0\`, so that it fetches the whole history.`;
    return new PermanentFailure("CHECKOUT_INCOMPLETE", text);
  }
  if (reason.code === "REPOSITORY_UNREACHABLE") {
    const text = `${reason.message}. Put a step \`uses: actions/checkout@v5\` with \`fetch-depth: 0\` before this one.`;
    return new PermanentFailure("CHECKOUT_INCOMPLETE", text);
  }
  return new PermanentFailure(reason.code, reason.message);
}
