// The sweep: rings again for activations whose bell was lost, ends tasks whose time is over, finishes off those that
// ended, and tells the audit log of them. Safe on all runners at once.
import { PermanentFailure } from "../contracts/failure.ts";
import { hasEnded, type TaskRef } from "../contracts/task.ts";
import { expireApprovals } from "./approvals/answer-approval.ts";
import { ask, askAll } from "./ask.ts";
import { tellEndedTasks } from "./audit-tasks.ts";
import { readTerms } from "./bell-terms.ts";
import type { Redis } from "./connect.ts";
import { finishTask } from "./finish-task.ts";
import { environmentKeys, parseTaskMember, taskKeys } from "./keys.ts";
import { END_FIELDS, type EndFields, endByReason, findEndReason, readEndFields } from "./overdue.ts";
import type { ActivationQueue, Bell } from "./queue.ts";
import { listOf, numberOf, textsOf } from "./reply.ts";
import { readTaskPhase } from "./task-fields.ts";

export interface SweepReport {
  /** Live tasks looked at. */
  readonly tasks: number;
  /** Activations that were rung for. */
  readonly rung: number;
  /** Ended tasks that were finished off. */
  readonly finished: number;
}

/** Tasks in one look: enough to be quick, few enough to leave Redis to others. */
const CHUNK = 500;
/** A task that is in the index and nowhere else is being made, or its maker died. */
const UNBORN_MS = 60_000;

/** A task that cannot be read is told at the end (PermanentFailure STATE_CORRUPT): the others are looked after first. */
export async function sweepTasks(redis: Redis, queue: ActivationQueue): Promise<SweepReport> {
  const { live } = environmentKeys(queue.env);
  const entries = await ask(redis, () => redis.zrange(live, "0", "-1", "WITHSCORES"));
  let report: SweepReport = { tasks: 0, rung: 0, finished: 0 };
  const damaged: PermanentFailure[] = [];
  for (let first = 0; first < entries.length; first += 2 * CHUNK) {
    const members = readMembers(queue.env, entries.slice(first, first + 2 * CHUNK));
    const chunk = await sweepChunk(redis, queue, members, damaged);
    report = {
      tasks: report.tasks + chunk.tasks,
      rung: report.rung + chunk.rung,
      finished: report.finished + chunk.finished,
    };
  }
  await tellEndedTasks(redis, queue.env);
  if (damaged[0] !== undefined) throw damaged[0];
  return report;
}

/** What `read` makes of each; those of which it makes nothing are left out, and told in `damaged`. */
function readEach<T, R>(items: readonly T[], read: (item: T, index: number) => R[], damaged: PermanentFailure[]): R[] {
  return items.flatMap((item, index) => {
    try {
      return read(item, index);
    } catch (error) {
      if (!(error instanceof PermanentFailure)) throw error;
      damaged.push(error);
      return [];
    }
  });
}

interface Member {
  readonly member: string;
  /** When it was put into the index. */
  readonly indexedMs: number;
  readonly task: TaskRef;
}

function readMembers(env: string, entries: readonly string[]): Member[] {
  const members: Member[] = [];
  for (let index = 0; index + 1 < entries.length; index += 2) {
    const member = entries[index] ?? "";
    const task = parseTaskMember(env, member);
    if (task !== undefined) members.push({ member, indexedMs: numberOf("the live index", entries[index + 1]), task });
  }
  return members;
}

async function sweepChunk(
  redis: Redis,
  queue: ActivationQueue,
  members: readonly Member[],
  damaged: PermanentFailure[],
): Promise<SweepReport> {
  const nowMs = await readClock(redis);
  const found = await readLive(redis, members, damaged);
  const ended = found.filter(({ phase }) => phase !== undefined && hasEnded(phase));
  for (const { task } of ended) await finishTask(redis, task);
  const unborn = found.filter(({ phase, indexedMs }) => phase === undefined && indexedMs < nowMs - UNBORN_MS);
  await forget(redis, queue.env, unborn);
  const going = await withoutOverdue(
    redis,
    nowMs,
    found.filter(({ phase }) => phase !== undefined && !hasEnded(phase)),
  );
  for (const { task, phase } of going) if (isAsking(phase)) await expireApprovals(redis, queue, task);
  const ripe = await findRipe(redis, nowMs, going, damaged);
  const silent = await queue.withoutBell(ripe);
  await queue.ring(silent);
  await queue.bringForward(ripe.filter((bell) => !silent.includes(bell)));
  return { tasks: members.length, rung: silent.length, finished: ended.length };
}

/** A task in doubt about a write may wait for approvals, too. */
function isAsking(phase: LiveTask["phase"]): boolean {
  return phase === "WaitingApproval" || phase === "Unknown";
}

/** Those that go on. */
async function withoutOverdue(redis: Redis, nowMs: number, tasks: readonly LiveTask[]): Promise<LiveTask[]> {
  const going: LiveTask[] = [];
  for (const live of tasks) {
    const why = findEndReason(live.ends, nowMs);
    if (why === undefined || !(await endByReason(redis, live.task, live.ends, why))) going.push(live);
  }
  return going;
}

/** Redis' own clock: leases are counted by it. */
async function readClock(redis: Redis): Promise<number> {
  const [seconds, micros] = await ask(redis, () => redis.time());
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

interface LiveTask extends Member {
  /** undefined: there is no such task. */
  readonly phase: ReturnType<typeof readTaskPhase> | undefined;
  readonly priority: unknown;
  readonly ends: EndFields;
  readonly open: readonly string[];
}

async function readLive(redis: Redis, members: readonly Member[], damaged: PermanentFailure[]): Promise<LiveTask[]> {
  const pipeline = redis.pipeline();
  for (const { task } of members) {
    const keys = taskKeys(task);
    pipeline.hmget(keys.task, "priority", ...END_FIELDS).smembers(keys.open);
  }
  const answers = await askAll(redis, () => pipeline.exec());
  const read = (member: Member, index: number): LiveTask[] => {
    const what = `the task ${member.member}`;
    const [priority, ...fields] = listOf(what, answers[2 * index]);
    const ends = readEndFields(fields);
    const known = ends.phase === null ? undefined : readTaskPhase(what, ends.phase);
    return [{ ...member, phase: known, priority, ends, open: textsOf(what, answers[2 * index + 1]) }];
  };
  return readEach(members, read, damaged);
}

/** Activations that a runner could claim now. What is read here may be old already: the claim decides. */
async function findRipe(
  redis: Redis,
  nowMs: number,
  tasks: readonly LiveTask[],
  damaged: PermanentFailure[],
): Promise<Bell[]> {
  const open = tasks.flatMap((task) => task.open.map((activation) => ({ ...task, activation })));
  const pipeline = redis.pipeline();
  for (const { task, activation: id } of open) {
    pipeline.hmget(taskKeys(task).activations, `${id}/phase`, `${id}/until`, `${id}/runnableAt`);
  }
  const answers = await askAll(redis, () => pipeline.exec());
  const read = ({ task, activation, priority, member }: (typeof open)[number], index: number): Bell[] => {
    const what = `the activation ${activation} of ${member}`;
    const [phase, until, runnableAt] = listOf(what, answers[index]);
    const ripeAt = phase === "Leased" ? until : phase === "Runnable" ? runnableAt : null;
    if (ripeAt === null || numberOf(what, ripeAt) > nowMs) return [];
    return [{ task, activation, terms: readTerms(what, priority) }];
  };
  return readEach(open, read, damaged);
}

/**
 * Their maker died between index and record; it cannot come back to write, because its caller tries again from the
 * start, through the index.
 */
async function forget(redis: Redis, env: string, unborn: readonly Member[]): Promise<void> {
  if (unborn.length === 0) return;
  const { live, tasks } = environmentKeys(env);
  const members = unborn.map(({ member }) => member);
  await askAll(redis, () =>
    redis
      .multi()
      .zrem(live, ...members)
      .zrem(tasks, ...members)
      .exec(),
  );
}
