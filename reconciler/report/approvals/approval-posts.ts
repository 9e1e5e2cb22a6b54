// Puts the check of an approval onto its commit, and concludes it.
import type { Address } from "../../../contracts/address.ts";
import { approvalName } from "../../../contracts/approval.ts";
import type { GithubSettings } from "../../../contracts/environment.ts";
import { PermanentFailure } from "../../../contracts/failure.ts";
import type { TaskRecord } from "../../../contracts/task.ts";
import type { ApprovalCheck } from "../../../store/approvals/approval-checks.ts";
import type { KnownApproval } from "../../../store/approvals/read-approvals.ts";
import type { Redis } from "../../../store/connect.ts";
import { readSnapshot } from "../../../store/snapshots.ts";
import { readTask } from "../../../store/tasks.ts";
import { githubLinks } from "../../plan/markdown-parts.ts";
import { isFailure } from "../github/client.ts";
import type { Github } from "../github.ts";
import {
  type ApprovalOutput,
  approvalCheckName,
  renderApprovalCheck,
  renderGone,
  type ShownApproval,
} from "./approval-check.ts";

export interface ApprovalTelling {
  readonly redis: Redis;
  readonly env: string;
  readonly github: Pick<Github, "repositoryUrl" | "listCheckRuns" | "createCheckRun" | "updateCheckRun">;
  /** Somebody hears who presses the checks' buttons. */
  readonly buttons?: boolean;
  /** How much of what is asked GitHub gets to see. */
  readonly approvalsShown?: GithubSettings["approvals"];
  /** One line for the operator. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface NewApproval {
  readonly note: ApprovalCheck;
  readonly approval: KnownApproval;
  /** Somebody may have made it before: it is looked for first. */
  readonly mayBeThere: boolean;
  /** Its task gets no other one. */
  readonly isLast: boolean;
}

const LAST =
  "This task has asked so often that what it asks from now on gets no check of its own: `countwheel get approvals` lists it, and so does the check of the task.";

/** Its number. */
export async function createApproval(telling: ApprovalTelling, made: NewApproval): Promise<number> {
  const { note, approval, mayBeThere, isLast } = made;
  const { github } = telling;
  const [found] = mayBeThere ? await listRuns(telling, note) : [];
  if (found !== undefined) return found;
  const shown = await renderFor(telling, note, approval, isLast ? LAST : "");
  return (await github.createCheckRun(note.commit, nameOf(telling, note), fieldsOf(note, shown))).id;
}

/** `approval` undefined: it is gone, with its task. Safe to repeat. */
export async function concludeApproval(
  telling: ApprovalTelling,
  note: ApprovalCheck,
  approval: KnownApproval | undefined,
): Promise<void> {
  const shown = approval === undefined ? renderGone() : await renderFor(telling, note, approval, "");
  const runs = note.checkRun === null ? await listRuns(telling, note) : [note.checkRun];
  for (const run of runs) await update(telling, run, note, shown);
}

/** Tells of a press that was refused; the question stays. */
export async function showRefused(
  telling: ApprovalTelling,
  note: ApprovalCheck,
  approval: KnownApproval,
): Promise<void> {
  if (note.checkRun !== null) await update(telling, note.checkRun, note, await renderFor(telling, note, approval, ""));
}

function nameOf({ env }: ApprovalTelling, { namespace, task, id }: ApprovalCheck): string {
  return approvalCheckName(env, { namespace, name: approvalName(task, id) });
}

async function listRuns(telling: ApprovalTelling, note: ApprovalCheck): Promise<number[]> {
  const runs = await telling.github.listCheckRuns(note.commit, nameOf(telling, note));
  return runs.filter(({ externalId }) => externalId === note.key).map(({ id }) => id);
}

/** Nothing where somebody took the check away, or where it is another App's by now. */
async function update(
  { github }: ApprovalTelling,
  run: number,
  note: ApprovalCheck,
  shown: ApprovalOutput,
): Promise<void> {
  try {
    await github.updateCheckRun(run, fieldsOf(note, shown));
  } catch (error) {
    if (!isFailure(error, "GITHUB_NOT_FOUND") && !isFailure(error, "GITHUB_FORBIDDEN")) throw error;
  }
}

function fieldsOf({ key }: ApprovalCheck, { conclusion, output, actions }: ApprovalOutput) {
  const { text, ...told } = output;
  const shown = text === "" ? told : { ...told, text };
  return { external_id: key, status: "completed", conclusion, actions, output: shown } as const;
}

async function renderFor(
  { redis, env, github, buttons = false, approvalsShown = "arguments" }: ApprovalTelling,
  { refused }: ApprovalCheck,
  approval: KnownApproval,
  remark: string,
): Promise<ApprovalOutput> {
  const { namespace, task: name } = approval;
  const task = await readTask(redis, { env, namespace, name });
  return renderApprovalCheck({
    approval,
    task: task ?? {},
    sourceOf: await readSources(redis, env, task),
    linkTo: githubLinks(github.repositoryUrl),
    buttons,
    isWhole: approvalsShown === "arguments",
    refused,
    remark,
  });
}

/** A snapshot that is gone, or damaged, costs the places and nothing else. */
async function readSources(
  redis: Redis,
  env: string,
  task: TaskRecord | undefined,
): Promise<ShownApproval["sourceOf"]> {
  if (task === undefined) return () => undefined;
  try {
    const { entries } = await readSnapshot(redis, env, task.snapshot);
    return (policy) => (Object.hasOwn(entries, policy) ? entries[policy as Address]?.source : undefined);
  } catch (error) {
    if (error instanceof PermanentFailure) return () => undefined;
    throw error;
  }
}
