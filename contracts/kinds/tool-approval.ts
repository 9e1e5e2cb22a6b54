// The kind ToolApproval: a call that waits for a person. Made by the runtime; readable as a manifest.
import type { SpecFrom } from "../schema.ts";
import { DURATION, NAME, TEXT } from "./field-schemas.ts";

export const TOOL_APPROVAL_SCHEMA = {
  type: "object",
  description: "A tool call that waits for a person. The runtime makes these; `approve` and `deny` answer them.",
  additionalProperties: false,
  required: ["task_ref", "tool"],
  properties: {
    task_ref: { ...NAME, description: "The task whose call waits." },
    tool: { ...NAME, description: "The tool that it wants to call." },
    operation_class: { ...TEXT, description: "The class of the operation." },
    agent: { ...TEXT, description: "The agent that asks." },
    input: { ...TEXT, description: "The arguments, as JSON text." },
    reason: { ...TEXT, description: "Why a person has to decide." },
    ttl: { ...DURATION, default: "10m", description: "An approval that nobody answers expires after this." },
  },
} as const;

export type ToolApprovalSpec = SpecFrom<typeof TOOL_APPROVAL_SCHEMA>;
