// On what terms a task's bells ring: where they stand in the queue, and who may hear them. One field of the task's hash.
import { NO_REQUIREMENTS, type Requirements, requirementsText } from "../contracts/matching.ts";
import { corrupt, jsonOf, objectOf, textOf } from "./reply.ts";

export type Priority = "low" | "normal" | "high";

/** The same for all activations of a task. */
export interface BellTerms {
  readonly priority: Priority;
  readonly requirements: Requirements;
}

/** The field `priority`: the priority, and behind it the requirements where there are any. */
export function termsText({ priority, requirements }: BellTerms): string {
  return `${priority} ${requirementsText(requirements)}`.trimEnd();
}

export function readTerms(what: string, value: unknown): BellTerms {
  const [priority = "", ...rest] = textOf(what, value).split(" ");
  if (priority !== "low" && priority !== "normal" && priority !== "high") throw corrupt(what, "it has no priority");
  if (rest.length === 0) return { priority, requirements: NO_REQUIREMENTS };
  return { priority, requirements: readRequirementsText(what, rest.join(" ")) };
}

/** As `requirementsText` made it. */
export function readRequirementsText(what: string, text: string): Requirements {
  const { region, gpu, model } = objectOf(what, jsonOf(what, text));
  return {
    ...(region === undefined ? {} : { region: textOf(what, region) }),
    ...(gpu === true ? { gpu } : {}),
    ...(model === undefined ? {} : { model: textOf(what, model) }),
  };
}
