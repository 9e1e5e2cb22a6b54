// The kind ModelEndpoint: a model provider, a model, and the credential for it.
import type { SpecFrom } from "../schema.ts";
import { DURATION, FLAG, NAME, SECRET_REF, TEXT, TEXT_MAP } from "./field-schemas.ts";

const OPTIONS_DESCRIPTION = `Settings of the provider, as text: \`max_tokens\`, \`temperature\`, \`api_version\`, …
With \`provider: mock\`, \`script\` says what the mock answers: a JSON array of rules, of which the first that matches is used.
A rule matches by \`agent\` (its name), \`turn\` (counted from 1) and \`contains\` (a text in the last message), all of them optional.
It answers with \`say\` (a text; \`{{input}}\` is the agent's input, \`{{last}}\` the last message) and \`call\`: [{"tool", "arguments"}].
\`tokens\` {"input", "output"} sets what is charged, \`latency\` ("200ms") how long it takes, and
\`fail\` {"code": "rate_limited"|"server_error"|"auth", "times"} makes the first calls fail.
Without a script the mock answers from its input, always the same.
Example: [{"agent": "research", "turn": 1, "call": [{"tool": "notes--search", "arguments": {"query": "{{input}}"}}]}, {"say": "Done: {{last}}"}]`;

export const MODEL_ENDPOINT_SCHEMA = {
  type: "object",
  description: "A model provider, a model, and the credential for it.",
  additionalProperties: false,
  required: ["default_model"],
  properties: {
    provider: {
      ...NAME,
      default: "openai",
      examples: ["openai", "anthropic", "azure-openai", "openai-compatible", "ollama", "mock"],
      description: "openai, anthropic, azure-openai, openai-compatible, ollama or mock (offline, deterministic).",
    },
    base_url: { ...TEXT, description: "The provider's address, where it is not the provider's own." },
    default_model: { ...NAME, description: "The model's id, as the provider names it." },
    options: { ...TEXT_MAP, description: OPTIONS_DESCRIPTION },
    auth: {
      type: "object",
      description: "The credential for the provider.",
      additionalProperties: false,
      properties: { secret_ref: SECRET_REF },
    },
    allow_private: {
      ...FLAG,
      description: "Allow a name that leads to this machine or to a private network. On by itself for ollama.",
    },
    price: {
      type: "object",
      description: "What the model costs, where it is not known by itself (Countwheel).",
      additionalProperties: false,
      required: ["input_per_mtok", "output_per_mtok"],
      properties: {
        input_per_mtok: { type: "number", minimum: 0, description: "US dollars for a million input tokens." },
        output_per_mtok: { type: "number", minimum: 0, description: "US dollars for a million output tokens." },
        cache_read_per_mtok: {
          type: "number",
          minimum: 0,
          description: "US dollars for a million input tokens that came from a prompt cache. Default: as other input.",
        },
        cache_write_per_mtok: {
          type: "number",
          minimum: 0,
          description: "US dollars for a million input tokens that went into a prompt cache. Default: as other input.",
        },
      },
    },
    breaker: {
      type: "object",
      description: "When a provider that fails is left alone for a while, by all runners together (Countwheel).",
      additionalProperties: false,
      properties: {
        failures: {
          type: "integer",
          minimum: 0,
          default: 5,
          description: "Failures in a row that open it; 0: never. A mock has none unless this is set.",
        },
        window: { ...DURATION, default: "30s", description: "The time within which they count." },
        open: { ...DURATION, default: "10s", description: "How long nobody asks; doubles with each probe that fails." },
      },
    },
    timeout: { ...DURATION, default: "2m", description: "A model call that takes longer is aborted (Countwheel)." },
  },
} as const;

export type ModelEndpointSpec = SpecFrom<typeof MODEL_ENDPOINT_SCHEMA>;
