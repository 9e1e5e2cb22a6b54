// The kind TaskWebhook: makes tasks from signed HTTP requests.
import type { SpecFrom } from "../schema.ts";
import { FLAG, NAME, SECRET_REF, TEXT } from "./field-schemas.ts";
import { TASK_SCHEMA } from "./task.ts";

const AUTH = {
  type: "object",
  description: "How a request proves that it is genuine.",
  additionalProperties: false,
  required: ["secret_ref"],
  properties: {
    profile: {
      type: "string",
      enum: ["generic", "github", "hmac", "shared_token"],
      default: "generic",
      description: "Who signs what: generic signs `timestamp.body`, github the body.",
    },
    secret_ref: SECRET_REF,
    previous_secret_ref: {
      ...SECRET_REF,
      description: "The secret before it, which is taken as well while senders are given the new one.",
    },
    signature_header: { ...TEXT, description: "The header with the signature." },
    signature_prefix: { ...TEXT, default: "sha256=", description: "What stands before the signature." },
    timestamp_header: { ...TEXT, description: "The header with the time of signing." },
    max_skew_seconds: { type: "integer", minimum: 1, default: 300, description: "How old a request may be." },
    algorithm: {
      type: "string",
      enum: ["sha256", "sha1", "sha512"],
      default: "sha256",
      description: "The hash of an `hmac` signature.",
    },
    payload_format: {
      type: "string",
      enum: ["body", "timestamp_dot_body", "prefix_timestamp_body"],
      default: "body",
      description: "What an `hmac` signature covers.",
    },
    payload_prefix: { ...TEXT, default: "v0", description: "The prefix of `prefix_timestamp_body`." },
    payload_separator: { ...TEXT, default: ".", description: "What stands between the parts that are signed." },
    signature_encoding: {
      type: "string",
      enum: ["hex", "base64"],
      default: "hex",
      description: "How the signature is written.",
    },
    header_format: {
      type: "string",
      enum: ["plain", "kv_pairs"],
      default: "plain",
      description: "How the header is written.",
    },
    signature_key: { ...TEXT, description: "The signature's key in a `kv_pairs` header." },
    timestamp_key: { ...TEXT, description: "The timestamp's key in a `kv_pairs` header." },
  },
} as const;

export const TASK_WEBHOOK_SCHEMA = {
  type: "object",
  description: "Makes tasks from signed HTTP requests, each event once.",
  additionalProperties: false,
  required: ["auth"],
  properties: {
    task_ref: { ...NAME, description: "The Task with `mode: template` to make tasks from. Or write `task_template`." },
    task_template: { ...TASK_SCHEMA, description: "The task to make, written here instead of a `task_ref`." },
    suspend: { ...FLAG, default: false, description: "Answer 409 and make no tasks for now." },
    auth: AUTH,
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
