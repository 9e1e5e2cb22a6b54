// The kind Worker: describes a runner.
import type { SpecFrom } from "../schema.ts";
import { FLAG, NAMES, TEXT } from "./field-schemas.ts";

export const WORKER_SCHEMA = {
  type: "object",
  description: "Describes a runner. Runners also register themselves.",
  additionalProperties: false,
  properties: {
    region: { ...TEXT, description: "Where the runner is." },
    capabilities: {
      type: "object",
      description: "What the runner has.",
      additionalProperties: false,
      properties: {
        gpu: { ...FLAG, default: false, description: "A GPU." },
        supported_models: { ...NAMES, description: "Models that it serves." },
      },
    },
    max_concurrent_tasks: { type: "integer", minimum: 1, default: 1, description: "Activations at once." },
  },
} as const;

export type WorkerSpec = SpecFrom<typeof WORKER_SCHEMA>;
