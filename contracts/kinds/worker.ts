// The kind Worker: describes a runner.
import type { SpecFrom } from "../schema.ts";
import { FLAG, NAMES, TEXT } from "./field-schemas.ts";

export const WORKER_SCHEMA = {
  type: "object",
  description: "Describes the runner whose id is this name, where its own flags say nothing.",
  additionalProperties: false,
  properties: {
    region: { ...TEXT, description: "Where the runner is." },
    capabilities: {
      type: "object",
      description: "What the runner has.",
      additionalProperties: false,
      properties: {
        gpu: { ...FLAG, default: false, description: "A GPU." },
        supported_models: { ...NAMES, description: "Models that it serves. Empty: all." },
      },
    },
    max_concurrent_tasks: {
      type: "integer",
      minimum: 1,
      description: "Activations at once. By default as many as a runner takes on by itself: 4.",
    },
  },
} as const;

export type WorkerSpec = SpecFrom<typeof WORKER_SCHEMA>;
