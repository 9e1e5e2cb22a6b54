// How whoever sends us requests proves who they are: deliveries to TaskWebhooks, and answers of tools that come later.
import type { SpecFrom } from "../schema.ts";
import { SECRET_REF, TEXT } from "./field-schemas.ts";

export const SENDER_AUTH = {
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

export type SenderAuth = SpecFrom<typeof SENDER_AUTH>;
