// The kind Task: a request to run an agent system, or a template for such requests.
import type { SpecFrom } from "../schema.ts";
import { DURATION, FLAG, NAME, TEXT, TEXT_MAP, TEXTS } from "./field-schemas.ts";

/** Also the shape of a schedule's and a webhook's `task_template`. */
export const TASK_SCHEMA = {
  type: "object",
  description: "A request to run an agent system (`mode: run`), or a template for schedules and webhooks.",
  additionalProperties: false,
  properties: {
    system: { ...NAME, description: "The AgentSystem to run. A template may leave it out." },
    mode: {
      type: "string",
      enum: ["run", "template"],
      default: "run",
      description:
        "`run` runs once for each content of this manifest; `template` waits to be used. With the annotation `countwheel.dev/run-on: pull_request` either also runs in previews of pull requests.",
    },
    input: { ...TEXT_MAP, description: "What the first agents get, by name." },
    priority: {
      type: "string",
      default: "normal",
      examples: ["low", "normal", "high"],
      description: "low, normal or high. Tasks of a higher priority are claimed first.",
    },
    max_turns: {
      type: "integer",
      minimum: 1,
      description: "Activations of any one agent at most. Needed where the graph has a cycle.",
    },
    retry: {
      type: "object",
      description: "Retries of an activation that failed; `message_retry` goes before it, field by field.",
      additionalProperties: false,
      properties: {
        max_attempts: {
          type: "integer",
          minimum: 1,
          default: 1,
          description: "Tries, the first included. Takeovers count.",
        },
        backoff: {
          ...DURATION,
          default: "0s",
          description: "Wait before the second try; doubles with each further one.",
        },
      },
    },
    message_retry: {
      type: "object",
      description:
        "Retries of the activation that a message woke. What it leaves out is taken from `retry`, jitter apart.",
      additionalProperties: false,
      properties: {
        max_attempts: { type: "integer", minimum: 1, description: "Tries, the first included." },
        backoff: { ...DURATION, description: "Wait before the second try; doubles with each further one." },
        max_backoff: { ...DURATION, default: "24h", description: "The longest wait between two tries." },
        jitter: {
          type: "string",
          enum: ["none", "full", "equal"],
          default: "full",
          description: "How waits are spread, so that tasks do not retry in step.",
        },
        non_retryable: {
          ...TEXTS,
          description:
            "Failures after which nothing is tried again: a code (`MODEL_OVERLOADED`), a class of codes (`MODEL_*`), or a part of the message.",
        },
      },
    },
    limits: {
      type: "object",
      description: "How long the task may take. Enforced by Redis' clock, whoever is at work (Countwheel).",
      additionalProperties: false,
      properties: {
        wait: { ...DURATION, default: "24h", description: "For its first claim; afterwards it has failed." },
        duration: {
          ...DURATION,
          default: "168h",
          description: "From its first claim to its end, waits for people and for further tries included.",
        },
      },
    },
    requirements: {
      type: "object",
      description: "What a runner must have to claim this task.",
      additionalProperties: false,
      properties: {
        region: { ...TEXT, description: "The runner's region." },
        gpu: { ...FLAG, description: "The runner has a GPU." },
        model: { ...TEXT, description: "The runner serves this model." },
      },
    },
  },
} as const;

export type TaskSpec = SpecFrom<typeof TASK_SCHEMA>;
