// Tells of approvals on the commits whose tasks wait for them: one check each, concluded once it is answered, over or void.
// Level-triggered: each look compares what waits in Redis with the checks that are noted there, and asks GitHub nothing where
// both agree. So an answer from anywhere, an expiry and the end of a task are seen alike, whoever died on the way.
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import {
  type ApprovalCheck,
  approvalCheckField,
  claimApprovalCheck,
  dropApprovalChecks,
  readApprovalChecks,
  writeApprovalCheck,
} from "../../../store/approvals/approval-checks.ts";
import { type KnownApproval, listLiveApprovals, readApprovals } from "../../../store/approvals/read-approvals.ts";
import { readTask } from "../../../store/tasks.ts";
import { isFailure } from "../github/client.ts";
import { meetsAll } from "../report-pending.ts";
import { approvalKey } from "./approval-check.ts";
import { type ApprovalTelling, concludeApproval, createApproval, type NewApproval } from "./approval-posts.ts";

/** What was said, and is not said at each look. */
export interface ApprovalMemory {
  isMute: boolean;
  isCrowded: boolean;
}

export const APPROVAL_LIMITS = {
  /** Of one task's life: a loop that asks hundreds of times tells of the rest in the task's own check. */
  perTask: 20,
  /** Of an environment, at once: the next ones come when these are answered. */
  open: 50,
  /** New ones of one look; GitHub wants seconds between writes. */
  perLook: 10,
} as const;

/** Answers what kept some of them from being told; null: nothing. */
export async function tellApprovals(
  telling: ApprovalTelling,
  memory: ApprovalMemory,
): Promise<PermanentFailure | TransientFailure | null> {
  const { redis, env, approvalsShown = "arguments" } = telling;
  const notes = await readApprovalChecks(redis, env);
  if (approvalsShown === "none" && notes.size === 0) return null;
  const { tasks, approvals } = await listLiveApprovals(redis, env);
  const waiting = new Map(approvals.filter(isWaiting).map((approval) => [fieldOf(approval), approval]));
  const turn: Turn = { telling, memory, notes: new Map(notes), failure: null };
  for (const note of notes.values()) if (!waiting.has(approvalCheckField(note))) await settle(turn, note, tasks);
  if (approvalsShown !== "none") await raiseAll(turn, waiting);
  return turn.failure;
}

interface Turn {
  readonly telling: ApprovalTelling;
  readonly memory: ApprovalMemory;
  /** As they are by now. */
  readonly notes: Map<string, ApprovalCheck>;
  failure: PermanentFailure | TransientFailure | null;
}

function isWaiting({ phase, isOver }: KnownApproval): boolean {
  return phase === "Pending" && !isOver;
}

function fieldOf({ namespace, task, id }: KnownApproval): string {
  return approvalCheckField({ namespace, task, id });
}

/** Nobody waits for it any more: its check says how that came, and its note goes with its task. */
async function settle(turn: Turn, note: ApprovalCheck, tasks: ReadonlySet<string>): Promise<void> {
  const { redis, env } = turn.telling;
  if (note.state === "open" && !(await attempt(turn, () => conclude(turn, note)))) return;
  if (tasks.has(`${note.namespace}/${note.task}`)) return;
  await dropApprovalChecks(redis, env, [note]);
  turn.notes.delete(approvalCheckField(note));
}

async function conclude({ telling, notes }: Turn, note: ApprovalCheck): Promise<void> {
  const { redis, env } = telling;
  const { namespace, task: name, id } = note;
  const approvals = await readApprovals(redis, { env, namespace, name });
  const approval = approvals.find((candidate) => candidate.id === id);
  // Its time is over, and no sweep has written that down yet.
  if (approval?.phase === "Pending" && approval.isOver) return;
  await concludeApproval(telling, note, approval);
  const told = { ...note, state: "told" } as const;
  await writeApprovalCheck(redis, env, told);
  notes.set(approvalCheckField(note), told);
}

async function raiseAll(turn: Turn, waiting: ReadonlyMap<string, KnownApproval>): Promise<void> {
  const { telling, memory, notes } = turn;
  const due = [...waiting].filter(([field]) => isDue(notes.get(field)));
  let made = 0;
  let isCrowded = false;
  for (const [, approval] of due) {
    if (telling.signal.aborted || made >= APPROVAL_LIMITS.perLook) break;
    isCrowded = countOpen(turn) >= APPROVAL_LIMITS.open;
    if (isCrowded) break;
    if (await attempt(turn, () => raise(turn, approval))) made += 1;
    else if (turn.failure !== null && meetsAll(turn.failure)) break;
  }
  if (isCrowded && !memory.isCrowded)
    telling.say(`${APPROVAL_LIMITS.open} approvals have a check on GitHub: more get theirs once these are answered`);
  memory.isCrowded = isCrowded;
}

/** It has none, or one of which nobody knows whether it was made. */
function isDue(note: ApprovalCheck | undefined): boolean {
  return note === undefined || (note.state === "open" && note.checkRun === null);
}

function countOpen({ notes }: Turn): number {
  return [...notes.values()].filter(({ state, checkRun }) => state === "open" && checkRun !== null).length;
}

async function raise(turn: Turn, approval: KnownApproval): Promise<void> {
  const { telling, notes } = turn;
  const { redis, env } = telling;
  const field = fieldOf(approval);
  const before = notes.get(field);
  const note = before ?? (await noteOf(turn, approval));
  // Another replica was faster.
  if (before === undefined && !(await claimApprovalCheck(redis, env, note))) return;
  notes.set(field, note);
  if (note.state === "none") return;
  const isLast = countOf(turn, approval) >= APPROVAL_LIMITS.perTask;
  const made = await makeCheck(turn, { note, approval, mayBeThere: before !== undefined, isLast });
  if (made === undefined) return;
  await writeApprovalCheck(redis, env, made);
  notes.set(field, made);
}

async function noteOf(turn: Turn, approval: KnownApproval): Promise<ApprovalCheck> {
  const { redis, env } = turn.telling;
  const { namespace, task, id } = approval;
  const record = await readTask(redis, { env, namespace, name: task });
  const commit = record?.source?.commit ?? "";
  const hasCheck = commit !== "" && countOf(turn, approval) < APPROVAL_LIMITS.perTask;
  const state = hasCheck ? "open" : "none";
  return { namespace, task, id, state, commit, key: approvalKey(env, approval), checkRun: null, refused: [] };
}

/** Checks of the task that asks. */
function countOf({ notes }: Turn, { namespace, task }: KnownApproval): number {
  const own = [...notes.values()].filter((note) => note.namespace === namespace && note.task === task);
  return own.filter(({ state }) => state !== "none").length;
}

/** undefined: there is nothing to note. */
async function makeCheck({ telling, memory, notes }: Turn, making: NewApproval): Promise<ApprovalCheck | undefined> {
  const { note } = making;
  try {
    const checkRun = await createApproval(telling, making);
    memory.isMute = false;
    return { ...note, checkRun };
  } catch (error) {
    if (isFailure(error, "GITHUB_FORBIDDEN")) {
      // A token that may make no checks: whoever waits is told in the comment, and answers there.
      if (!memory.isMute) telling.say(`approvals get no checks: ${error.message}`);
      memory.isMute = true;
      await dropApprovalChecks(telling.redis, telling.env, [note]);
      notes.delete(approvalCheckField(note));
      return undefined;
    }
    if (!(error instanceof PermanentFailure) || meetsAll(error)) throw error;
    telling.say(`an approval gets no check: ${error.message}`);
    return { ...note, state: "none" };
  }
}

/** False: it failed, and is tried again at the next look. One failure keeps no other back. */
async function attempt(turn: Turn, act: () => Promise<void>): Promise<boolean> {
  if (turn.failure !== null && meetsAll(turn.failure)) return false;
  try {
    await act();
    return true;
  } catch (error) {
    if (!(error instanceof PermanentFailure || error instanceof TransientFailure)) throw error;
    turn.failure ??= error;
    return false;
  }
}
