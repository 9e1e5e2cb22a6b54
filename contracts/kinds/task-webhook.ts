// The kind TaskWebhook: makes tasks from signed HTTP requests.
import type { SpecFrom } from "../schema.ts";
import { FLAG, NAME, TEXT } from "./field-schemas.ts";
import { SENDER_AUTH } from "./sender-auth.ts";
import { TASK_SCHEMA } from "./task.ts";

export const TASK_WEBHOOK_SCHEMA = {
  type: "object",
  description: "Makes tasks from signed HTTP requests, each event once.",
  additionalProperties: false,
  required: ["auth"],
  properties: {
    task_ref: { ...NAME, description: "The Task with `mode: template` to make tasks from. Or write `task_template`." },
    task_template: { ...TASK_SCHEMA, description: "The task to make, written here instead of a `task_ref`." },
    suspend: { ...FLAG, default: false, description: "Answer 409 and make no tasks for now." },
    auth: SENDER_AUTH,
    idempotency: {
      type: "object",
      description: "How the same event is recognised.",
      additionalProperties: false,
      properties: {
        event_id_header: { ...TEXT, description: "The header with the event's id." },
        event_id_from_body: { ...TEXT, description: "The field of the body with the event's id." },
        dedupe_window_seconds: { type: "integer", minimum: 1, description: "How long an event is remembered." },
      },
    },
    payload: {
      type: "object",
      description: "How the body reaches the task.",
      additionalProperties: false,
      properties: {
        mode: { type: "string", enum: ["raw"], default: "raw", description: "The body as text." },
        input_key: { ...TEXT, default: "webhook_payload", description: "The input that gets it." },
      },
    },
  },
} as const;

export type TaskWebhookSpec = SpecFrom<typeof TASK_WEBHOOK_SCHEMA>;
