// The kind AgentSystem: agents and the graph along which work passes between them.
import type { SpecFrom } from "../schema.ts";
import { FLAG, NAME, NAMES, TEXT } from "./field-schemas.ts";

const CONDITION = {
  type: "object",
  description: "When the edge fires; all fields that are set must hold. Without a condition it always fires.",
  additionalProperties: false,
  properties: {
    output_contains: { ...TEXT, description: "The output contains this text." },
    output_not_contains: { ...TEXT, description: "The output does not contain this text." },
    output_matches: { ...TEXT, maxLength: 512, description: "The output matches this RE2 pattern." },
    output_json_path: {
      ...TEXT,
      pattern: "^\\$\\.",
      description: "A path into the JSON output, such as `$.score`; the operators below look at its value.",
    },
    equals: { ...TEXT, description: "The value's text is this." },
    not_equals: { ...TEXT, description: "The value's text is not this." },
    contains: { ...TEXT, description: "The value's text contains this, or the list has this entry." },
    greater_than: { type: "number", description: "The value is a number above this." },
    less_than: { type: "number", description: "The value is a number below this." },
    default: {
      ...FLAG,
      description: "Fires where no other edge of the node does. One a node, with nothing beside it.",
    },
  },
} as const;

const EDGE = {
  type: "object",
  additionalProperties: false,
  required: ["to"],
  "x-alias": { next: "to" },
  "x-shorthand": "to",
  "x-ignored": {
    labels: "It has no effect here.",
    policy: "No policy of an edge is enforced; write an AgentPolicy.",
  },
  properties: {
    to: { ...NAME, description: "The agent that gets the output." },
    condition: CONDITION,
  },
} as const;

const JOIN = {
  type: "object",
  description: "How an agent with several incoming edges waits.",
  additionalProperties: false,
  properties: {
    mode: {
      type: "string",
      enum: ["wait_for_all", "quorum"],
      default: "wait_for_all",
      description: "Wait for every branch that can still arrive, or for a quorum.",
    },
    quorum_count: { type: "integer", minimum: 1, description: "Branches that make a quorum." },
    quorum_percent: {
      type: "integer",
      minimum: 1,
      maximum: 100,
      description: "Share of the branches that makes a quorum.",
    },
    on_failure: {
      type: "string",
      enum: ["deadletter", "skip", "continue_partial"],
      default: "deadletter",
      description: "A branch that fails: fails the task, counts as empty, or opens the join with what came.",
    },
  },
} as const;

const NO_REVIEW = "No review takes place and the task does not wait; use an AgentPolicy or an approval.";

export const AGENT_SYSTEM_SCHEMA = {
  type: "object",
  description: "Agents and the graph along which work passes between them.",
  additionalProperties: false,
  required: ["agents"],
  "x-ignored": {
    context_adapter: "The input reaches the first agent as it is, unsanitised.",
    completion_review: NO_REVIEW,
    a2a: "The system is not published over A2A.",
  },
  properties: {
    agents: { ...NAMES, description: "The agents of the system. Without a graph they run in this order." },
    graph: {
      type: "object",
      description: "Agent → where its output goes. Agents that no edge leads to begin.",
      additionalProperties: {
        type: "object",
        additionalProperties: false,
        "x-ignored": {
          delegates: "Nothing is delegated along these edges.",
          delegate_join: "Nothing is delegated, so nothing is joined.",
          review: NO_REVIEW,
        },
        properties: {
          next: { ...NAME, description: "The one agent that gets the output: an edge without a condition." },
          edges: {
            type: "array",
            items: EDGE,
            description: "The agents that get the output, each with its condition.",
          },
          join: JOIN,
        },
      },
    },
  },
} as const;

export type AgentSystemSpec = SpecFrom<typeof AGENT_SYSTEM_SCHEMA>;
