// Reads approvals: those of a task, and those of an environment.
import {
  APPROVAL_PHASES,
  type ApprovalPhase,
  type ApprovalRecord,
  type ApprovalRequest,
  type ApprovalWord,
  approvalName,
} from "../../contracts/approval.ts";
import { taskId } from "../../contracts/new-task.ts";
import { hasEnded, type TaskRef } from "../../contracts/task.ts";
import { ask, askAll } from "../ask.ts";
import type { Redis } from "../connect.ts";
import { environmentKeys, parseTaskMember, taskKeys, taskMember } from "../keys.ts";
import { clockOf, corrupt, fieldsIn, jsonOf, listOf, numberOf, objectOf, textOf } from "../reply.ts";
import { type Fields, readIdentity, readTaskPhase } from "../task-fields.ts";

export type KnownApproval = ApprovalRecord & Deadline;

interface Deadline {
  /** By Redis' own clock: it can neither be given nor used any more. */
  readonly isOver: boolean;
}

/** In the order in which they were asked. */
export async function readApprovals(redis: Redis, task: TaskRef): Promise<KnownApproval[]> {
  const { task: hash, approvals } = taskKeys(task);
  const read = redis.pipeline().time().hget(hash, "phase").hgetall(approvals);
  return approvalsOf(task, await askAll(redis, () => read.exec()));
}

/** Before anything is asked: no question is missing from the index, whoever dies in between. */
export async function noteAsking(redis: Redis, task: TaskRef): Promise<void> {
  const { asking } = environmentKeys(task.env);
  await ask(redis, () => redis.zadd(asking, "NX", Date.now(), taskMember(task)));
}

const CHUNK = 200;

/** Of all tasks that ever asked, in the order in which they were asked. */
export async function listApprovals(redis: Redis, env: string): Promise<KnownApproval[]> {
  const { asking } = environmentKeys(env);
  return await readOf(redis, env, await ask(redis, () => redis.zrange(asking, "0", "-1")));
}

/** Of the tasks that have not ended, and `tasks`: which these are, as `<namespace>/<name>`. */
export async function listLiveApprovals(
  redis: Redis,
  env: string,
): Promise<{ readonly tasks: ReadonlySet<string>; readonly approvals: readonly KnownApproval[] }> {
  const { asking, live } = environmentKeys(env);
  const members = await ask(redis, () => redis.zinter(2, asking, live));
  return { tasks: new Set(members), approvals: await readOf(redis, env, members) };
}

async function readOf(redis: Redis, env: string, members: readonly string[]): Promise<KnownApproval[]> {
  const tasks = members.flatMap((member) => parseTaskMember(env, member) ?? []);
  const found: KnownApproval[] = [];
  for (let first = 0; first < tasks.length; first += CHUNK) {
    found.push(...(await readChunk(redis, tasks.slice(first, first + CHUNK))));
  }
  return found.toSorted(byTime);
}

async function readChunk(redis: Redis, tasks: readonly TaskRef[]): Promise<KnownApproval[]> {
  const pipeline = redis.pipeline();
  for (const task of tasks) {
    const keys = taskKeys(task);
    pipeline.time().hget(keys.task, "phase").hgetall(keys.approvals);
  }
  const answers = await askAll(redis, () => pipeline.exec());
  return tasks.flatMap((task, index) => approvalsOf(task, answers.slice(3 * index, 3 * index + 3)));
}

function approvalsOf(task: TaskRef, [time, taskPhase, hash]: readonly unknown[]): KnownApproval[] {
  const what = `the approvals of ${taskId(task)}`;
  const fields = fieldsIn(what, hash);
  const ids = Object.keys(fields).filter((field) => !field.includes("/"));
  if (ids.length === 0) return [];
  const nowMs = clockOf(what, time);
  const hasTaskEnded = taskPhase === null || hasEnded(readTaskPhase(what, taskPhase));
  return ids.map((id) => approvalOf(task, id, fields, { nowMs, hasTaskEnded })).toSorted(byTime);
}

interface Around {
  readonly nowMs: number;
  readonly hasTaskEnded: boolean;
}

/** What waits for an answer, or for its use, when its task ends is waited for by nobody. */
function approvalOf(task: TaskRef, id: string, fields: Fields, { nowMs, hasTaskEnded }: Around): KnownApproval {
  const what = `the approval ${approvalName(task.name, id)}`;
  const phase = readPhase(what, fields[`${id}/phase`]);
  const untilMs = numberOf(what, fields[`${id}/until`]);
  const word = fields[`${id}/word`];
  const isOpen = phase === "Pending" || phase === "Approved";
  return {
    ...readRequest(what, fields[id]),
    name: approvalName(task.name, id),
    namespace: task.namespace,
    task: task.name,
    phase: isOpen && hasTaskEnded ? "Void" : phase,
    expiresAt: new Date(untilMs).toISOString(),
    ...(word === undefined ? {} : { word: readWord(what, word) }),
    isOver: untilMs <= nowMs,
  };
}

function readPhase(what: string, value: unknown): ApprovalPhase {
  const phase = APPROVAL_PHASES.find((candidate) => candidate === value);
  if (phase === undefined) throw corrupt(what, `\`${String(value)}\` is no phase of an approval`);
  return phase;
}

/**
 * Written by a runner and read by people; what decides about it (binding, step, terms) is looked at. Where it does not say
 * what it is about, it is of a time when only calls of tools were asked about.
 */
function readRequest(what: string, value: unknown): ApprovalRequest {
  const request: Readonly<Record<string, unknown>> = { about: "tool", ...objectOf(what, jsonOf(what, value)) };
  const { about } = request;
  if (about !== "tool" && about !== "model") throw corrupt(what, `it is about \`${String(about)}\``);
  for (const name of ["id", "activation", "step", about, "binding", "requestedAt"]) textOf(what, request[name]);
  const terms = objectOf(what, request["terms"]);
  if (typeof terms["notRequester"] !== "boolean") throw corrupt(what, "its terms cannot be read");
  if (terms["approvers"] !== null) listOf(what, terms["approvers"]);
  return request as unknown as ApprovalRequest;
}

function readWord(what: string, value: unknown): ApprovalWord {
  const { by, as, reason, at } = objectOf(what, jsonOf(what, value));
  return {
    by: readIdentity(what, by),
    ...(as === undefined ? {} : { as: textOf(what, as) }),
    ...(reason === undefined ? {} : { reason: textOf(what, reason) }),
    at: textOf(what, at),
  };
}

function byTime(a: ApprovalRecord, b: ApprovalRecord): number {
  return a.requestedAt < b.requestedAt ? -1 : a.requestedAt > b.requestedAt ? 1 : a.id < b.id ? -1 : 1;
}
