// The kind Memory: where agents keep what they know.
import type { SpecFrom } from "../schema.ts";
import { NAME, RETURNS, SECRET_REF, SENDS_TO, TEXT } from "./field-schemas.ts";

export const MEMORY_SCHEMA = {
  type: "object",
  description:
    "Where agents keep what they know. Agents use it through the tools memory.read, write, search, list, ingest.",
  additionalProperties: false,
  properties: {
    type: { ...TEXT, description: "A remark: vector, kv or custom." },
    provider: {
      ...NAME,
      default: "in-memory",
      examples: ["in-memory", "redis", "pgvector", "http"],
      description: "in-memory, redis, pgvector or http.",
    },
    embedding_model: {
      ...NAME,
      description:
        "The ModelEndpoint (or the id of its model) that makes the vectors by which entries are found; its provider is openai, azure-openai, openai-compatible, ollama or mock. Without one a search compares words.",
    },
    endpoint: { ...TEXT, description: "The provider's address; of `pgvector` without the password." },
    endpoint_secret_ref: { ...SECRET_REF, description: "The Secret that holds the address, instead of `endpoint`." },
    auth: {
      type: "object",
      description:
        "The credential for the provider. Of `pgvector` the password, or the whole address where there is no `endpoint`.",
      additionalProperties: false,
      properties: { secret_ref: SECRET_REF },
    },
    returns: {
      ...RETURNS,
      description:
        "Labels of everything that is read from it, beside those that came in with what was written (Countwheel).",
    },
    sends_to: SENDS_TO,
  },
} as const;

export type MemorySpec = SpecFrom<typeof MEMORY_SCHEMA>;
