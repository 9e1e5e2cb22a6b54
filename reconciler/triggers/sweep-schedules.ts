// One look at all schedules: claims the slots that are due, makes the tasks of what is claimed, and forgets the oldest of
// what they made. A claim is written before its task is made, so whoever comes after a crash goes on with it; of any number
// of reconcilers that look at once, one claims a slot.
import type { StateRecord } from "../../contracts/record.ts";
import type { ScheduledTask, ScheduleMemory } from "../../contracts/schedule.ts";
import { makeSnapshot } from "../../contracts/snapshot.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { type Kept, readSchedules, swapSchedule } from "../../store/schedules.ts";
import { putSnapshot } from "../../store/snapshots.ts";
import { readState } from "../../store/state.ts";
import { requestCancel } from "../../store/tasks.ts";
import type { TaskMaker } from "../apply/task-intents.ts";
import type { ScheduleEvent } from "./events.ts";
import { tidyHistory } from "./schedule-history.ts";
import { judgeSlots, settleImpossible, settleMade, unfinishedOf } from "./schedule-turn.ts";
import { type Declared, makeTriggeredTask } from "./triggered-task.ts";

export interface Sweeper extends TaskMaker {
  readonly emit: (event: ScheduleEvent) => void;
  /** Throws where this process may have lost the lead: between two steps it asks. */
  readonly check?: () => void;
}

export async function sweepSchedules(sweeper: Sweeper): Promise<void> {
  const declared = once(() => readDeclared(sweeper));
  for (const kept of await readSchedules(sweeper.redis, sweeper.env)) {
    sweeper.check?.();
    await sweepOne(sweeper, kept, declared);
  }
}

/** Where somebody else was faster, the next look goes on from what they wrote. */
async function sweepOne(
  sweeper: Sweeper,
  kept: Kept<ScheduleMemory>,
  declared: () => Promise<Declared>,
): Promise<void> {
  const tidied = await tidyHistory(sweeper, kept);
  const judged = tidied === undefined ? undefined : await judge(sweeper, tidied);
  if (judged === undefined || judged.value.claimed.length === 0) return;
  const { records, snapshot } = await declared();
  const record = records.get(judged.value.address);
  // Pruned, and its memory follows: what is pruned makes nothing any more.
  if (record !== undefined) await makeClaimed(sweeper, judged, record, { records, snapshot });
}

async function judge(sweeper: Sweeper, kept: Kept<ScheduleMemory>): Promise<Kept<ScheduleMemory> | undefined> {
  const next = judgeSlots(kept.value, sweeper.now());
  if (next === undefined) return kept;
  const written = await swapSchedule(sweeper.redis, sweeper.env, kept, next);
  if (written !== undefined) tellMissed(sweeper, kept.value, next);
  return written;
}

async function makeClaimed(
  sweeper: Sweeper,
  kept: Kept<ScheduleMemory>,
  record: StateRecord,
  declared: Declared,
): Promise<void> {
  let now: Kept<ScheduleMemory> | undefined = kept;
  for (const task of kept.value.claimed) {
    if (now === undefined) return;
    sweeper.check?.();
    if (now.value.timing.concurrency === "replace") await cancelOthers(sweeper, now.value, task);
    const trigger = { kind: "schedule", address: task.schedule, slot: task.slot } as const;
    const ref = await makeTriggeredTask(sweeper, { record, name: task.name, trigger }, declared);
    const before: ScheduleMemory = now.value;
    const after = ref === undefined ? settleImpossible(before, task) : settleMade(before, task, ref);
    now = await swapSchedule(sweeper.redis, sweeper.env, now, after);
    if (now !== undefined) tellMade(sweeper, before, after, { task, ref });
  }
}

async function cancelOthers({ redis, env }: Sweeper, memory: ScheduleMemory, task: ScheduledTask): Promise<void> {
  const others = unfinishedOf(memory).filter(({ slot }) => slot < task.slot);
  for (const { namespace, name } of others) await requestCancel(redis, { env, namespace, name });
}

interface Made {
  readonly task: ScheduledTask;
  readonly ref: TaskRef | undefined;
}

function tellMade(sweeper: Sweeper, before: ScheduleMemory, after: ScheduleMemory, { task, ref }: Made): void {
  if (ref === undefined) tellMissed(sweeper, before, after);
  else sweeper.emit({ type: "schedule-fired", schedule: after.address, slot: task.slot, task: ref.name });
}

function tellMissed({ emit }: Sweeper, before: ScheduleMemory, after: ScheduleMemory): void {
  const count = after.missed - before.missed;
  if (count === 0 || after.lastMissed === null) return;
  emit({ type: "schedule-missed", schedule: after.address, ...after.lastMissed, count });
}

async function readDeclared({ redis, env }: Sweeper): Promise<Declared> {
  const { records } = await readState(redis, env);
  const snapshot = makeSnapshot(records.values());
  await putSnapshot(redis, env, snapshot);
  return { records, snapshot: snapshot.digest };
}

/** Of one look: most looks find nothing due, and read no state. */
function once<T>(read: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => (answer ??= read());
}
