// The limits of previews, as the settings of an environment have them.
import { DURATION_PATTERN } from "./duration.ts";
import type { Schema } from "./schema.ts";

/** Runs of marked Tasks with the manifests of a pull request. Limits hold for each task, unless they say otherwise. */
export interface PreviewSettings {
  readonly enabled: boolean;
  /** What the names of their environments begin with; the number of the pull request follows. */
  readonly prefix: string;
  /** Of one preview. */
  readonly maxTasks: number;
  /** Under way at once; others wait for their turn. */
  readonly maxOpen: number;
  /** Started on one day (UTC). */
  readonly maxPerDay: number;
  readonly maxTokens: number;
  /** null: as the policies have it. */
  readonly maxCostUsd: number | null;
  /** Calls of models and tools. */
  readonly maxSteps: number;
  /** For a runner. */
  readonly waitMs: number;
  readonly durationMs: number;
}

const MINUTE_MS = 60_000;

export const DEFAULT_PREVIEWS: PreviewSettings = {
  enabled: true,
  prefix: "pr-",
  maxTasks: 3,
  maxOpen: 5,
  maxPerDay: 50,
  maxTokens: 100_000,
  maxCostUsd: null,
  maxSteps: 100,
  waitMs: 10 * MINUTE_MS,
  durationMs: 10 * MINUTE_MS,
};

const DURATION = { type: "string", pattern: DURATION_PATTERN } as const;
const POSITIVE = { type: "integer", minimum: 1 } as const;

export const PREVIEWS_SCHEMA = {
  type: "object",
  description: "Runs of Tasks with the annotation `countwheel.dev/run-on: pull_request`, and their limits.",
  additionalProperties: false,
  properties: {
    enabled: { type: "boolean", default: true, description: "Whether there are any." },
    prefix: {
      type: "string",
      pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$",
      default: "pr-",
      description: "What the names of their environments begin with; the number of the pull request follows.",
    },
    max_tasks: { ...POSITIVE, default: 3, description: "Tasks of one preview." },
    max_open: { ...POSITIVE, default: 5, description: "Previews under way at once; others wait for their turn." },
    max_per_day: { ...POSITIVE, default: 50, description: "Previews that are started on one day (UTC)." },
    max_tokens: { ...POSITIVE, default: 100_000, description: "Input and output tokens of each task." },
    max_cost_usd: {
      type: "number",
      minimum: 0,
      description: "US dollars of each task; a model without a known price is denied then.",
    },
    max_steps: { ...POSITIVE, default: 100, description: "Calls of models and tools of each task." },
    wait: { ...DURATION, default: "10m", description: "How long a task waits for a runner at most." },
    duration: { ...DURATION, default: "10m", description: "How long a task takes at most." },
  },
} as const satisfies Schema;
