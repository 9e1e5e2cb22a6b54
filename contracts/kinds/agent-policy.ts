// The kind AgentPolicy: what the gate forbids and bounds, globally or for named targets.
import type { SpecFrom } from "../schema.ts";
import { ANY_OBJECT, DURATION, LABELS, NAME, NAMES, TEXT } from "./field-schemas.ts";

const OPERATION_CLASSES = {
  type: "array",
  items: { type: "string", enum: ["read", "write", "delete", "admin", "*"] },
  description: "Classes of operation.",
} as const;

const APPROVAL = {
  type: "object",
  description: "Of a rule that asks: who may answer, and until when.",
  additionalProperties: false,
  "x-strict": true,
  properties: {
    ttl: {
      ...DURATION,
      default: "10m",
      description: "An approval must be given and used within this; 720h at most.",
    },
    not_requester: {
      type: "boolean",
      default: false,
      description: "Whoever started the task may not approve its calls.",
    },
    approvers: {
      type: "array",
      minItems: 1,
      items: { type: "string", pattern: "^(local|github|token):\\S+$" },
      description:
        "Who may answer, as `token:NAME`, `github:LOGIN` (`github:LOGIN@HOST` of another GitHub) or `local:NAME`. Absent: everybody.",
    },
  },
} as const;

const RULE = {
  type: "object",
  additionalProperties: false,
  "x-strict": true,
  properties: {
    match: {
      type: "object",
      description: "What the rule is about; all fields that are set must hold. `*` stands for any text in a name.",
      additionalProperties: false,
      "x-strict": true,
      properties: {
        tools: { ...NAMES, description: "Tools." },
        models: {
          ...NAMES,
          description: "Model ids, as providers name them (`gpt-4o`); never names of ModelEndpoints.",
        },
        agents: { ...NAMES, description: "Agents." },
        operation_classes: OPERATION_CLASSES,
        arguments: {
          ...ANY_OBJECT,
          description: "Argument → matcher: which calls the rule is about. A call that lacks the argument is denied.",
        },
      },
    },
    when: {
      ...TEXT,
      description:
        "A CEL condition over `args`, `tool`, `operation_classes`, `model`, `agent`, `system`, `task` and `input`.",
    },
    must: {
      ...ANY_OBJECT,
      description:
        "Argument → matcher: what must be true of the calls that match. The effect is for those of which it is not.",
    },
    additional: {
      type: "string",
      enum: ["allow", "deny"],
      default: "allow",
      description: "`deny`: the effect is also for calls with arguments that neither `must` nor `match` names.",
    },
    effect: {
      type: "string",
      enum: ["deny", "ask", "allow"],
      default: "deny",
      description: "What happens to what matches.",
    },
    message: { ...TEXT, description: "Told to whoever is denied." },
    approval: APPROVAL,
  },
} as const;

const FLOW = {
  type: "object",
  additionalProperties: false,
  "x-strict": true,
  required: ["data", "to"],
  properties: {
    data: { ...LABELS, minItems: 1, description: "Labels; the rule is for whoever has read data of all of them." },
    to: {
      type: "object",
      description: "Where such data may not go; all fields that are set must hold.",
      additionalProperties: false,
      "x-strict": true,
      properties: {
        tools: { ...NAMES, description: "Tools." },
        operation_classes: OPERATION_CLASSES,
        sends_to: { ...NAMES, description: "Labels that a Tool has in `sends_to`. `*` stands for any text." },
        agents: {
          ...NAMES,
          description: "Agents that call. Without tools: agents that may not read such data at all.",
        },
      },
    },
    declassify: {
      type: "string",
      enum: ["never", "approval"],
      default: "never",
      description: "`approval`: a person may let a call pass.",
    },
    approval: APPROVAL,
    message: { ...TEXT, description: "Told to whoever is denied." },
  },
} as const;

const SEQUENCE = {
  type: "object",
  additionalProperties: false,
  "x-strict": true,
  required: ["tools"],
  properties: {
    tools: { ...NAMES, minItems: 1, description: "The tools that the rule is about." },
    requires_before: { ...NAMES, description: "Tools each of which must have succeeded before in the task." },
    not_after: { ...NAMES, description: "Tools none of which may have been called before in the task." },
    message: { ...TEXT, description: "Told to whoever is denied." },
  },
} as const;

const CALLS = {
  type: "object",
  additionalProperties: { type: "integer", minimum: 0 },
} as const;

const BUDGET = {
  type: "object",
  additionalProperties: false,
  "x-strict": true,
  properties: {
    per: {
      ...NAMES,
      items: { type: "string", enum: ["task", "agent", "system", "namespace", "day"] },
      description:
        "Whose spending counts together: `task` (default), or any of `agent`, `system`, `namespace` and `day` (UTC), over all tasks in the policy's scope.",
    },
    tokens: { type: "integer", minimum: 0, description: "Input and output tokens." },
    cost_usd: { type: "number", minimum: 0, description: "US dollars." },
    steps: { type: "integer", minimum: 0, description: "Calls of models and tools." },
    wall: {
      ...DURATION,
      description: "Time since the task or, with `per: [agent]`, the agent began. No call begins later.",
    },
    calls: { ...CALLS, description: "Tool → calls; a `*` stands for any text, each tool counts by itself." },
  },
} as const;

const RATE = {
  type: "object",
  description: "Calls or tokens in each window of time, of everything in the policy's scope together (Countwheel).",
  additionalProperties: false,
  "x-strict": true,
  required: ["per"],
  properties: {
    calls: {
      type: "integer",
      minimum: 0,
      description: "Calls of models and tools, or of those tools that `of` names.",
    },
    tokens: { type: "integer", minimum: 0, description: "Input and output tokens." },
    per: { ...DURATION, description: "Length of the windows: they begin at whole multiples of it, in UTC." },
    of: { ...NAME, description: "A tool; a `*` stands for any text. All of them count together." },
  },
} as const;

const EGRESS = {
  type: "object",
  description:
    "Hosts that calls of tools and models may reach; a call that reaches another one is denied (Countwheel).",
  additionalProperties: false,
  "x-strict": true,
  properties: {
    allow_hosts: {
      ...NAMES,
      description:
        "Hosts; `*.example.com` stands for what is below example.com, not for it. Empty: none. Absent: all of `addresses`.",
    },
    addresses: {
      type: "array",
      items: { type: "string", enum: ["public", "private", "loopback", "link_local", "other"] },
      description: "Kinds of addresses, by the host's text. Default: any, where `allow_hosts` is given.",
    },
    schemes: { ...NAMES, default: ["https", "http"], description: "Schemes of URLs." },
    ports: { type: "array", items: { type: "integer", minimum: 1, maximum: 65535 }, description: "Default: any." },
    processes: {
      type: "string",
      enum: ["allow", "deny"],
      default: "allow",
      description:
        "Whether tools may be called that run as a process here (MCP over stdio, `cli`): those reach anything.",
    },
  },
} as const;

export const AGENT_POLICY_SCHEMA = {
  type: "object",
  description: "What the gate forbids and bounds, globally or for named targets.",
  additionalProperties: false,
  "x-ignored": {
    max_child_depth: "There are no child tasks here.",
    max_child_tasks: "There are no child tasks here.",
  },
  properties: {
    max_tokens_per_run: {
      type: "integer",
      minimum: 1,
      description: "Input and output tokens of one task at most; reserved before each model call.",
    },
    allowed_models: {
      ...NAMES,
      description:
        "Model ids that may be called, as providers name them (`default_model`); never names of ModelEndpoints. Empty: all of them.",
    },
    blocked_tools: { ...NAMES, description: "Tools that must not be called. A call is a hard stop." },
    apply_mode: {
      type: "string",
      enum: ["scoped", "global"],
      default: "scoped",
      description: "`scoped` holds for the targets below, `global` for everything.",
    },
    target_systems: { ...NAMES, description: "AgentSystems that a scoped policy holds for." },
    target_tasks: { ...NAMES, description: "Tasks that a scoped policy holds for." },
    target_agents: { ...NAMES, description: "Agents that a scoped policy holds for." },
    rules: { type: "array", items: RULE, description: "Rules on tools, models, agents and operations (Countwheel)." },
    max_calls: {
      type: "object",
      description: "Tool → calls in one task at most (Countwheel).",
      additionalProperties: { type: "integer", minimum: 0 },
    },
    mode: {
      type: "string",
      enum: ["enforce", "audit"],
      default: "enforce",
      description: "`audit` records what would be denied and lets it pass (Countwheel).",
    },
    on_violation: {
      type: "string",
      enum: ["stop", "refuse"],
      default: "stop",
      description: "`stop` fails the task; `refuse` tells the model and lets it go on (Countwheel).",
    },
    default: {
      type: "string",
      enum: ["allow", "deny"],
      default: "allow",
      description: "What happens to a call that no role, permission or rule allows (Countwheel).",
    },
    max_cost_usd_per_run: {
      type: "number",
      minimum: 0,
      description:
        "US dollars of one task at most; reserved before each model call. A model without a known price is denied (Countwheel).",
    },
    budgets: {
      type: "array",
      items: BUDGET,
      description: "What may be spent at most, and whose spending counts together (Countwheel).",
    },
    rate: RATE,
    egress: EGRESS,
    allowed_secrets: {
      ...NAMES,
      description: "Secrets that tools, servers, memories and models may use. Empty: none. Absent: all (Countwheel).",
    },
    input_labels: { ...LABELS, description: "Labels that the task's input has for this policy's `flow` (Countwheel)." },
    flow: { type: "array", items: FLOW, description: "Which labelled data may not reach which tools (Countwheel)." },
    sequence: {
      type: "array",
      items: SEQUENCE,
      description: "Tools that may be called only after, or no more after, others in the same task (Countwheel).",
    },
  },
} as const;

export type AgentPolicySpec = SpecFrom<typeof AGENT_POLICY_SCHEMA>;
