// Which of a schedule's tasks have ended, and which of these are beyond its history limits: the oldest are dropped.

import type { MadeTask, ScheduleMemory } from "../../contracts/schedule.ts";
import { hasEnded, type TaskRef } from "../../contracts/task.ts";
import type { Redis } from "../../store/connect.ts";
import { dropTask } from "../../store/drop-task.ts";
import { type Kept, swapSchedule } from "../../store/schedules.ts";
import { readPhases } from "../../store/tasks.ts";
import { beyondLimits } from "./schedule-turn.ts";

interface Tidier {
  readonly redis: Redis;
  readonly env: string;
}

/** Undefined: somebody else was faster. */
export async function tidyHistory(
  tidier: Tidier,
  kept: Kept<ScheduleMemory>,
): Promise<Kept<ScheduleMemory> | undefined> {
  const ended = await withEnded(tidier, kept.value);
  const tidied = await withoutDropped(tidier, ended);
  return tidied === kept.value ? kept : await swapSchedule(tidier.redis, tidier.env, kept, tidied);
}

async function withEnded({ redis, env }: Tidier, memory: ScheduleMemory): Promise<ScheduleMemory> {
  const open = memory.made.filter(({ ended }) => ended === null);
  if (open.length === 0) return memory;
  const phases = await readPhases(redis, open.map(refIn(env)));
  const found = new Map(open.map((task, index) => [task, phases[index]]));
  // A task that is gone was dropped by somebody: it has ended, however it did.
  const made = memory.made.flatMap((task): MadeTask[] => {
    if (!found.has(task)) return [task];
    const phase = found.get(task);
    if (phase === undefined) return [];
    return [hasEnded(phase) ? { ...task, ended: phase } : task];
  });
  const isSame = made.length === memory.made.length && made.every((task, index) => task === memory.made[index]);
  return isSame ? memory : { ...memory, made };
}

/** One that cannot be dropped yet, or goes on because somebody tried it again, stays and is asked for again. */
async function withoutDropped({ redis, env }: Tidier, memory: ScheduleMemory): Promise<ScheduleMemory> {
  const gone = new Set<MadeTask>();
  for (const task of beyondLimits(memory)) if ((await dropTask(redis, refIn(env)(task))) !== "going") gone.add(task);
  return gone.size === 0 ? memory : { ...memory, made: memory.made.filter((task) => !gone.has(task)) };
}

function refIn(env: string): (task: Pick<TaskRef, "namespace" | "name">) => TaskRef {
  return ({ namespace, name }) => ({ env, namespace, name });
}
