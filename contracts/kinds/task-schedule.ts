// The kind TaskSchedule: makes tasks by the clock.
import type { SpecFrom } from "../schema.ts";
import { FLAG, NAME, TEXT } from "./field-schemas.ts";
import { TASK_SCHEMA } from "./task.ts";

export const TASK_SCHEDULE_SCHEMA = {
  type: "object",
  description: "Makes tasks by the clock, from a template.",
  additionalProperties: false,
  required: ["schedule"],
  properties: {
    task_ref: { ...NAME, description: "The Task with `mode: template` to make tasks from. Or write `task_template`." },
    task_template: { ...TASK_SCHEMA, description: "The task to make, written here instead of a `task_ref`." },
    schedule: {
      ...TEXT,
      minLength: 1,
      examples: ["0 7 * * 1-5"],
      description: "When: minute, hour, day, month, day of the week.",
    },
    time_zone: { ...TEXT, default: "UTC", description: "The time zone of the schedule, such as `Europe/Prague`." },
    suspend: { ...FLAG, default: false, description: "Make no tasks for now." },
    starting_deadline_seconds: {
      type: "integer",
      minimum: 1,
      default: 300,
      description: "A time that was missed by more than this is skipped.",
    },
    missed: {
      type: "string",
      enum: ["skip", "last", "all"],
      default: "last",
      description:
        "What becomes of times that nobody was there for, within the deadline: none of them, the last one, or all of them.",
    },
    concurrency_policy: {
      type: "string",
      enum: ["forbid", "allow", "replace"],
      default: "forbid",
      description: "What happens where the last task still runs: skip this time, run both, or cancel the last one.",
    },
    successful_history_limit: { type: "integer", minimum: 1, default: 10, description: "Succeeded tasks to keep." },
    failed_history_limit: { type: "integer", minimum: 1, default: 3, description: "Failed tasks to keep." },
  },
} as const;

export type TaskScheduleSpec = SpecFrom<typeof TASK_SCHEDULE_SCHEMA>;
