// The kind PolicyTest: requests to the gate, and what it must answer. Checked with the manifests; it runs nothing.
import type { SpecFrom } from "../schema.ts";
import { ANY_OBJECT, LABELS, NAME, NAMES, TEXT, TEXT_MAP } from "./field-schemas.ts";

const REQUEST = {
  type: "object",
  description: "What is asked of the gate: a tool call, or a model turn.",
  additionalProperties: false,
  properties: {
    tool: { ...NAME, description: "The tool that is called." },
    model: { ...NAME, description: "The model id that is called, as its provider knows it." },
    arguments: { ...ANY_OBJECT, description: "The arguments of the call." },
    agent: {
      ...NAME,
      description: "Who calls: with the tools and roles of its manifest. Without one, an agent that lists the tool.",
    },
    system: { ...NAME, description: "The AgentSystem that the agent works in." },
    task: { ...NAME, description: "The Task manifest's name." },
    roles: { ...NAMES, description: "Roles in place of those of the agent's manifest." },
    input: { ...TEXT_MAP, description: "The task's input." },
    operation_classes: {
      type: "array",
      items: { type: "string", enum: ["read", "write", "delete", "admin"] },
      description: "Of the tool, in place of what its manifest says; also makes up a tool that nothing declares.",
    },
    capabilities: { ...NAMES, description: "Of the tool, in the same way." },
    sends_to: { ...LABELS, description: "Of the tool, in the same way." },
    reaches: {
      ...NAMES,
      description: "URLs that the call reaches, in place of what manifests say; also makes up a tool.",
    },
    process: { type: "boolean", description: "Whether a process here carries it out, in the same way." },
    secrets: { ...NAMES, description: "Secrets that the call uses, as `namespace/name`, in the same way." },
    labels: { ...LABELS, description: "Labels of data that the agent has read before." },
    succeeded: { ...NAMES, description: "Tools that have succeeded before in the task." },
    called: { ...NAMES, description: "Tools that were called before in the task, beside those that succeeded." },
    usage: {
      type: "object",
      description: "What the task has spent before.",
      additionalProperties: false,
      properties: {
        tokens: { type: "integer", minimum: 0, default: 0, description: "Tokens." },
        calls: {
          type: "object",
          description: "Tool → calls.",
          additionalProperties: { type: "integer", minimum: 0 },
        },
        cost_usd: { type: "number", minimum: 0, default: 0, description: "US dollars." },
        steps: { type: "integer", minimum: 0, default: 0, description: "Calls of models and tools." },
      },
    },
    reserve_cost_usd: { type: "number", minimum: 0, default: 0, description: "The same in US dollars." },
    reserve_tokens: { type: "integer", minimum: 0, default: 0, description: "What a model turn may cost at most." },
  },
} as const;

const CASE = {
  type: "object",
  additionalProperties: false,
  required: ["name", "request", "expect"],
  properties: {
    name: { ...TEXT, description: "What the case shows, as a sentence." },
    request: REQUEST,
    expect: {
      type: "object",
      description: "What the gate must answer.",
      additionalProperties: false,
      required: ["effect"],
      properties: {
        effect: {
          type: "string",
          enum: ["allow", "deny", "ask"],
          description: "What happens to the call. What only a policy in audit mode objects to is allowed.",
        },
        code: { ...TEXT, description: "The code of the denial, such as TOOL_BLOCKED." },
      },
    },
  },
} as const;

export const POLICY_TEST_SCHEMA = {
  type: "object",
  description: "Requests to the gate and what it must answer, checked by `validate` and `plan` (Countwheel).",
  additionalProperties: false,
  required: ["cases"],
  properties: { cases: { type: "array", minItems: 1, maxItems: 500, items: CASE, description: "The requests." } },
} as const;

export type PolicyTestSpec = SpecFrom<typeof POLICY_TEST_SCHEMA>;
