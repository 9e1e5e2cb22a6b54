// Rules of Tasks, TaskSchedules and TaskWebhooks that no schema can tell.

import type { TaskSpec } from "../../../contracts/kinds/task.ts";
import type { TaskScheduleSpec } from "../../../contracts/kinds/task-schedule.ts";
import type { TaskWebhookSpec } from "../../../contracts/kinds/task-webhook.ts";
import { quote } from "../finding.ts";
import type { Remarks } from "./remarks.ts";

const PRIORITIES = ["low", "normal", "high"];

export function checkTask(spec: TaskSpec, remarks: Remarks): void {
  if (spec.mode !== "template" && spec.system === undefined) {
    remarks.refuse("", "a task needs `system`", "Name the AgentSystem to run, or write `mode: template`.");
  }
  checkPriority(spec, "", remarks);
}

/** Orloj takes any text; only these three order anything. */
function checkPriority(spec: TaskSpec, pointer: string, remarks: Remarks): void {
  if (spec.priority === undefined || PRIORITIES.includes(spec.priority)) return;
  const detail = `Write ${PRIORITIES.join(", ")}. Any other counts as normal.`;
  remarks.complain(`${pointer}/priority`, `${quote(spec.priority)} is no priority`, detail);
}

export function checkTaskSchedule(spec: TaskScheduleSpec, remarks: Remarks): void {
  checkTemplate(spec, remarks);
  if (spec.schedule.trim().split(/\s+/).length !== 5 && !/^@[a-z]/.test(spec.schedule.trim())) {
    const detail = "Minute, hour, day, month, day of the week: `0 7 * * 1-5` is seven o'clock on weekdays.";
    remarks.refuse("/schedule", `${quote(spec.schedule)} has not five fields`, detail);
  }
  if (spec.time_zone !== undefined && !isTimeZone(spec.time_zone)) {
    remarks.complain("/time_zone", `${quote(spec.time_zone)} is no time zone`, "Write it like `Europe/Prague`.");
  }
}

function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions();
    return true;
  } catch {
    return false;
  }
}

export function checkTaskWebhook(spec: TaskWebhookSpec, remarks: Remarks): void {
  checkTemplate(spec, remarks);
  const { profile, signature_header: header } = spec.auth;
  if ((profile === "hmac" || profile === "shared_token") && header === undefined) {
    remarks.complain("/auth", `\`${profile}\` needs \`signature_header\``);
  }
  if (spec.auth.header_format === "kv_pairs" && spec.auth.signature_key === undefined) {
    remarks.complain("/auth", "`kv_pairs` needs `signature_key`");
  }
}

function checkTemplate(spec: TaskScheduleSpec | TaskWebhookSpec, remarks: Remarks): void {
  const { task_ref: ref, task_template: template } = spec;
  if (ref === undefined && template === undefined) {
    remarks.refuse("", "`task_ref` is missing", "Name a Task with `mode: template`, or write a `task_template`.");
  }
  if (ref !== undefined && template !== undefined) {
    remarks.complain("/task_template", "`task_ref` and `task_template` exclude each other", "Keep one.");
  }
  if (template !== undefined) checkPriority(template, "/task_template", remarks);
}
