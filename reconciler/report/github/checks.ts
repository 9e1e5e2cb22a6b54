// Check runs, and commit statuses in their stead.
import { attempt, type Client, ONCE, PAGE } from "./client.ts";
import { rememberRefusal } from "./refusal.ts";

export interface Annotation {
  readonly path: string;
  readonly start_line: number;
  readonly end_line: number;
  readonly annotation_level: "notice" | "warning" | "failure";
  readonly title: string;
  readonly message: string;
}

interface CheckOutput {
  readonly title: string;
  readonly summary: string;
  readonly text?: string;
  readonly annotations?: Annotation[];
}

export type Conclusion = "success" | "action_required" | "failure" | "neutral" | "cancelled";

/** What a person may press on the page of a check. */
export interface CheckButton {
  readonly label: string;
  readonly description: string;
  readonly identifier: string;
}

interface CheckFields {
  readonly external_id: string;
  readonly status: "in_progress" | "completed";
  readonly conclusion?: Conclusion;
  readonly details_url?: string;
  readonly actions?: CheckButton[];
  readonly output: CheckOutput;
}

export interface CheckRun {
  readonly id: number;
  readonly externalId: string;
  readonly completed: boolean;
  readonly annotations: number;
  /** The account in whose name its App writes comments. */
  readonly author: string;
  /** The page that shows it. */
  readonly url: string | null;
}

export type StatusState = "pending" | "success" | "failure" | "error";

export interface CheckVerbs {
  listCheckRuns(commit: string, name: string): Promise<CheckRun[]>;
  /** A refusal is remembered for a while: a personal token may make no checks, and is not asked each time. */
  createCheckRun(commit: string, name: string, fields: CheckFields): Promise<CheckRun>;
  updateCheckRun(id: number, fields: CheckFields): Promise<void>;
  createStatus(commit: string, context: string, state: StatusState, description: string): Promise<void>;
}

export function checkVerbs({ octokit, at }: Client): CheckVerbs {
  const { checks, repos } = octokit.rest;
  const refusal = rememberRefusal();
  return {
    listCheckRuns: (ref, check_name) =>
      attempt(`list the check runs of ${ref}`, async () =>
        (await octokit.paginate(checks.listForRef, { ...at, ref, check_name, filter: "all", per_page: PAGE })).map(
          readCheckRun,
        ),
      ),
    createCheckRun: (head_sha, name, fields) =>
      refusal(() =>
        attempt(`create the check run ${name}`, async () =>
          readCheckRun((await checks.create({ ...at, head_sha, name, ...fields, ...ONCE })).data),
        ),
      ),
    updateCheckRun: (check_run_id, fields) =>
      attempt(
        `update check run ${check_run_id}`,
        async () => void (await checks.update({ ...at, check_run_id, ...fields, ...ONCE })),
      ),
    createStatus: (sha, context, state, description) =>
      attempt(
        `set the status ${context}`,
        async () => void (await repos.createCommitStatus({ ...at, sha, context, state, description })),
      ),
  };
}

function readCheckRun(data: {
  id: number;
  external_id: string | null;
  status: string;
  html_url: string | null;
  app: { slug?: string } | null;
  output: { annotations_count: number };
}): CheckRun {
  return {
    id: data.id,
    externalId: data.external_id ?? "",
    completed: data.status === "completed",
    annotations: data.output.annotations_count,
    author: `${data.app?.slug ?? ""}[bot]`,
    url: data.html_url,
  };
}
