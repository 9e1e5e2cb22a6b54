// A check run from its beginning to its conclusion; where the token may make none, a commit status in its stead.
import { oneLine, shorten } from "../plan/inert.ts";
import { ANNOTATION_LIMITS } from "./annotations.ts";
import type { Annotation, CheckButton, CheckRun, Conclusion, StatusState } from "./github/checks.ts";
import { isFailure } from "./github/client.ts";
import type { Github } from "./github.ts";

export interface CheckSubject {
  /** The pull request's own head, never the merge commit that GitHub makes of it. */
  readonly commit: string;
  /** `countwheel / plan` */
  readonly name: string;
  /** `countwheel:plan:<env>`: tells environments apart. */
  readonly key: string;
}

export interface CheckResult {
  /** Digest of what is reported: the same result is never annotated twice. */
  readonly digest: string;
  readonly conclusion: Conclusion;
  readonly title: string;
  readonly summary: string;
  readonly text: string;
  readonly annotations: readonly Annotation[];
  /** What people may press there; absent: nothing. */
  readonly buttons?: readonly CheckButton[];
}

export type PostedCheck =
  | {
      readonly via: "check";
      readonly id: number;
      /** The account behind the check's App. */
      readonly author: string;
      readonly url: string | null;
    }
  | { readonly via: "status" };

/**
 * What is known of the subject's checks, so that GitHub need not be asked · ask: nothing · none: there is none yet · a check:
 * the only one that stands open.
 */
export type KnownChecks = "ask" | "none" | PostedCheck;

const NAME_LENGTH = 200;

/** `countwheel / plan`. A further environment has checks of its own: two of one name on one commit would hide each other. */
export function checkName(what: string, env: string): string {
  return shorten(`countwheel / ${oneLine(what)}${env === "default" ? "" : ` (${oneLine(env)})`}`, NAME_LENGTH);
}

/** GitHub's bound for the description of a commit status. */
const STATUS_LENGTH = 140;

/** Shows that the work has begun. */
export async function openCheck(github: Github, subject: CheckSubject, title: string): Promise<PostedCheck> {
  const fields = {
    external_id: subject.key,
    status: "in_progress",
    output: { title, summary: "It concludes in a moment." },
  } as const;
  return withStatusFallback(
    async () => posted(await github.createCheckRun(subject.commit, subject.name, fields)),
    () => github.createStatus(subject.commit, subject.name, "pending", shorten(title, STATUS_LENGTH)),
  );
}

/** Shows how far the work has come, in the check of this subject that stands open, or in a new one. */
export async function showProgress(
  github: Github,
  subject: CheckSubject,
  { title, summary }: Pick<CheckResult, "title" | "summary">,
): Promise<PostedCheck> {
  const fields = { external_id: subject.key, status: "in_progress", output: { title, summary } } as const;
  return withStatusFallback(
    async () => {
      const runs = await github.listCheckRuns(subject.commit, subject.name);
      for (const run of runs.filter(({ externalId, completed }) => externalId === subject.key && !completed))
        if (await isOurs(() => github.updateCheckRun(run.id, fields))) return posted(run);
      return posted(await github.createCheckRun(subject.commit, subject.name, fields));
    },
    () => github.createStatus(subject.commit, subject.name, "pending", shorten(title, STATUS_LENGTH)),
  );
}

/**
 * Concludes the check of this subject: the one that stands open, the one that already tells this very result (a report
 * that was cut off goes on), or a new one. Annotations cannot be taken back, so another result never reuses a check.
 */
export async function concludeCheck(
  github: Github,
  subject: CheckSubject,
  result: CheckResult,
  known: KnownChecks = "ask",
): Promise<PostedCheck> {
  return withStatusFallback(
    () => concludeCheckRun(github, subject, result, known),
    () =>
      github.createStatus(
        subject.commit,
        subject.name,
        statusState(result.conclusion),
        shorten(result.title, STATUS_LENGTH),
      ),
  );
}

/** Of a commit that is no head any more: a job that was killed left its check open, and nobody else would conclude it. */
export async function concludeSuperseded(github: Github, subject: CheckSubject, by: string): Promise<void> {
  const runs = await github.listCheckRuns(subject.commit, subject.name);
  const output = { title: `Superseded by ${by.slice(0, 7)}`, summary: "A newer head is planned instead." };
  const fields = { external_id: subject.key, status: "completed", conclusion: "cancelled", output } as const;
  for (const { id, externalId, completed } of runs) {
    if (!completed && externalId === subject.key) await isOurs(() => github.updateCheckRun(id, fields));
  }
}

async function withStatusFallback(
  check: () => Promise<PostedCheck>,
  status: () => Promise<void>,
): Promise<PostedCheck> {
  try {
    return await check();
  } catch (error) {
    if (!isFailure(error, "GITHUB_FORBIDDEN")) throw error;
    await status();
    return { via: "status" };
  }
}

async function concludeCheckRun(
  github: Github,
  subject: CheckSubject,
  result: CheckResult,
  known: KnownChecks,
): Promise<PostedCheck> {
  if (known === "none") return await createConcluded(github, subject, result);
  if (known !== "ask" && known.via === "check") {
    await appendAnnotations(github, { id: known.id, annotations: 0 }, subject, result);
    return known;
  }
  const runs = await github.listCheckRuns(subject.commit, subject.name);
  const told = runs.filter(({ externalId }) => externalId === resultKey(subject, result));
  const open = [...runs.filter(({ externalId }) => externalId === subject.key), ...told].filter(
    (run) => !run.completed,
  );
  const conclude = (run: CheckRun): Promise<boolean> => isOurs(() => appendAnnotations(github, run, subject, result));
  // All that stand open: a job that runs again opens a second one, and neither may wait for ever.
  const concluded: CheckRun[] = [];
  for (const run of open) if (await conclude(run)) concluded.push(run);
  for (const run of told) if (concluded.length === 0 && (await conclude(run))) concluded.push(run);
  const [first] = concluded;
  return first === undefined ? createConcluded(github, subject, result) : posted(first);
}

/** Another App's check may bear our name and key: only its maker may change it. */
async function isOurs(change: () => Promise<void>): Promise<boolean> {
  try {
    await change();
    return true;
  } catch (error) {
    if (isFailure(error, "GITHUB_FORBIDDEN")) return false;
    throw error;
  }
}

async function createConcluded(github: Github, subject: CheckSubject, result: CheckResult): Promise<PostedCheck> {
  const fields = checkFields(subject, result, 0);
  const run = await github.createCheckRun(subject.commit, subject.name, fields);
  const annotations = fields.output.annotations.length;
  if (annotations < result.annotations.length)
    await appendAnnotations(github, { ...run, annotations }, subject, result);
  return posted(run);
}

async function appendAnnotations(
  github: Github,
  run: Pick<CheckRun, "id" | "annotations">,
  subject: CheckSubject,
  result: CheckResult,
): Promise<void> {
  let from = run.annotations;
  do {
    await github.updateCheckRun(run.id, checkFields(subject, result, from));
    from += ANNOTATION_LIMITS.perRequest;
  } while (from < result.annotations.length);
}

/** Concluded with the last annotations, not before: who waits for the check sees all of it. */
function checkFields(subject: CheckSubject, result: CheckResult, from: number) {
  const annotations = result.annotations.slice(from, from + ANNOTATION_LIMITS.perRequest);
  const last = from + annotations.length >= result.annotations.length;
  const { title, summary, text, buttons = [] } = result;
  return {
    external_id: resultKey(subject, result),
    ...(last ? { status: "completed" as const, conclusion: result.conclusion } : { status: "in_progress" as const }),
    ...(last && buttons.length > 0 ? { actions: [...buttons] } : {}),
    output: { title, summary, annotations, ...(text === "" ? {} : { text }) },
  };
}

function resultKey(subject: CheckSubject, { digest }: CheckResult): string {
  return `${subject.key}:${digest}`;
}

function posted(run: CheckRun): PostedCheck {
  return { via: "check", id: run.id, author: run.author, url: run.url };
}

/** A status knows no question that waits for a person: pending holds the merge back as well. */
function statusState(conclusion: Conclusion): StatusState {
  switch (conclusion) {
    case "success":
    case "neutral":
      return "success";
    case "action_required":
      return "pending";
    case "failure":
      return "failure";
    case "cancelled":
      return "error";
  }
}
