// The kind Agent: one worker with a model, a prompt, and the tools that it may use.
import type { SpecFrom } from "../schema.ts";
import { ANY_OBJECT, DURATION, NAME, NAMES, TEXT, TEXTS } from "./field-schemas.ts";

export const AGENT_SCHEMA = {
  type: "object",
  description: "One worker with a model, a prompt, and the tools that it may use.",
  additionalProperties: false,
  required: ["model_ref"],
  "x-removed": { model: "Write `model_ref` with the name of a ModelEndpoint." },
  properties: {
    model_ref: { ...NAME, description: "The ModelEndpoint whose model thinks for this agent." },
    fallback_model_refs: { ...NAMES, description: "ModelEndpoints to try, in order, where the first one fails." },
    prompt: { ...TEXT, description: "The system prompt: what the agent is and how it works." },
    tools: {
      ...NAMES,
      description: "Tools that the agent may ask for: a Tool, `<server>--<tool>` of an McpServer, or a memory tool.",
    },
    allowed_tools: {
      ...NAMES,
      description:
        "Tools that need no role. Stands in for roles and permissions only, never for a policy or an approval.",
    },
    roles: { ...NAMES, description: "AgentRoles whose permissions the agent has, all of them together." },
    memory: {
      type: "object",
      description: "The memory that the agent works with.",
      additionalProperties: false,
      "x-ignored": {
        type: "Orloj takes it as a remark. The Memory manifest says what it is.",
        provider: "Orloj takes it as a remark. The Memory manifest names the provider.",
      },
      properties: {
        ref: { ...NAME, description: "The Memory manifest." },
        allow: {
          type: "array",
          description: "What the agent may do with it; each entry gives it the tool `memory.<entry>`. Needs `ref`.",
          items: { type: "string", enum: ["read", "write", "search", "list", "ingest"], "x-prefix": "memory." },
        },
      },
    },
    limits: {
      type: "object",
      description: "Bounds on one activation of the agent.",
      additionalProperties: false,
      properties: {
        max_steps: { type: "integer", minimum: 1, default: 10, description: "Model turns of one activation at most." },
        timeout: { ...DURATION, "x-unchecked": true, description: "Wall time of one activation at most." },
      },
    },
    execution: {
      type: "object",
      description: "How strictly the agent's work is checked.",
      additionalProperties: false,
      properties: {
        profile: {
          type: "string",
          enum: ["dynamic", "contract"],
          default: "dynamic",
          description:
            "`contract` checks that the tools of `tool_sequence` were called and the markers are in the output.",
        },
        tool_sequence: { ...NAMES, description: "Tools that a `contract` agent must have called, in any order." },
        required_output_markers: { ...TEXTS, description: "Texts that the output must contain, letter by letter." },
        duplicate_tool_call_policy: {
          type: "string",
          enum: ["short_circuit", "deny", "allow"],
          default: "short_circuit",
          description:
            "What happens to a call that repeats an earlier one: answered with the earlier result, told to be one, or made again (`allow`, Countwheel). What was read before a write is read again.",
        },
        on_contract_violation: {
          type: "string",
          enum: ["observe", "non_retryable_error"],
          default: "non_retryable_error",
          description: "Whether a broken contract is only recorded or fails the task.",
        },
        tool_use_behavior: {
          type: "string",
          enum: ["run_llm_again", "stop_on_first_tool"],
          default: "run_llm_again",
          description: "Whether the model gets to read a tool's result, or the result is the agent's output.",
        },
        output_schema: { ...ANY_OBJECT, description: "JSON Schema that the output must satisfy." },
      },
    },
  },
} as const;

export type AgentSpec = SpecFrom<typeof AGENT_SCHEMA>;
