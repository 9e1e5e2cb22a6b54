// Ids of decisions: a random UUID whose first digits say in which task it was made, so that one can be found without looking
// through every trace.
import { digestText } from "./canonical.ts";
import { taskId } from "./new-task.ts";
import type { TaskRef } from "./task.ts";

/** 32 bits: of a million tasks few share them, and their traces are looked through. */
const LENGTH = 8;

/** `uuid`: a random one; 90 random bits of it stay. */
export function decisionIdOf(task: TaskRef, uuid: string): string {
  return `${placeOf(task)}${uuid.slice(LENGTH)}`;
}

/** False: it was made in another task, or before ids said so. */
export function mayBeOf(task: TaskRef, decisionId: string): boolean {
  return decisionId.startsWith(placeOf(task));
}

function placeOf(task: TaskRef): string {
  return digestText(taskId(task)).slice("sha256:".length, "sha256:".length + LENGTH);
}
