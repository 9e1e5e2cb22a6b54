// A person's word on a write of which nobody knows whether it happened.
import type { TaskRef } from "../../contracts/task.ts";
import type { Redis } from "../../store/connect.ts";
import { openQueue } from "../../store/queue.ts";
import { readBegunStep, resolveUnknown } from "../../store/scripts/resolve.ts";
import type { PersonsWord } from "../history/history.ts";

/** That it shall be made again. */
export async function sayAgain(redis: Redis, task: TaskRef, activation: string): Promise<PersonsWord> {
  const step = await readBegunStep(redis, task, activation);
  if (step === undefined) throw new Error("no step had begun");
  const queue = openQueue(redis, task.env);
  const drafts = [{ type: "approval.decided" as const, at: new Date().toISOString(), activation }];
  const said = { ...step, state: "decided" as const };
  const { outcome } = await resolveUnknown(redis, queue, { task, activation, step: said, drafts });
  await queue.close();
  if (outcome !== "resolved") throw new Error(`the word was not taken: ${outcome}`);
  return { task: `${task.namespace}/${task.name}`, activation, step: step.step };
}
