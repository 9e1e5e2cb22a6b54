// Rules of Tasks, TaskSchedules and TaskWebhooks that no schema can tell.

import type { TaskSpec } from "../../../contracts/kinds/task.ts";
import type { TaskScheduleSpec } from "../../../contracts/kinds/task-schedule.ts";
import type { TaskWebhookSpec } from "../../../contracts/kinds/task-webhook.ts";
import { findTimetableProblem, isZone } from "../../triggers/slots.ts";
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

/** Judged by the parser that runs it: what passes here comes due. */
export function checkTaskSchedule(spec: TaskScheduleSpec, remarks: Remarks): void {
  checkTemplate(spec, remarks);
  const pattern = spec.schedule.trim();
  if (!hasFiveFields(pattern)) {
    const detail = "Minute, hour, day, month, day of the week: `0 7 * * 1-5` is seven o'clock on weekdays.";
    remarks.refuse("/schedule", `${quote(spec.schedule)} has not five fields`, detail);
    return;
  }
  const zone = spec.time_zone ?? "UTC";
  if (!isZone(zone)) remarks.complain("/time_zone", `${quote(zone)} is no time zone`, "Write it like `Europe/Prague`.");
  const problem = findTimetableProblem({ pattern, zone });
  if (problem !== undefined) remarks.refuse("/schedule", `${quote(spec.schedule)} can never come due`, problem);
  checkTogether(spec, remarks);
}

const NICKNAMES = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly"];

/** `H` is somebody else's "any fixed time": to the parser it is another time whenever it is asked. */
function hasFiveFields(pattern: string): boolean {
  if (pattern.startsWith("@")) return NICKNAMES.includes(pattern);
  const fields = pattern.split(/\s+/);
  return fields.length === 5 && !fields.some((field) => /(^|[^A-Za-z])H([^A-Za-z]|$)/.test(field));
}

function checkTogether({ missed, concurrency_policy: policy }: TaskScheduleSpec, remarks: Remarks): void {
  if (missed !== "all" || policy !== "replace") return;
  remarks.remark("/missed", "with `replace` each time that was missed cancels the task of the one before it");
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
