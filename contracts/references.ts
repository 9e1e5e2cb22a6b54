// Which field of which kind names another manifest, as data: what the loader checks over a whole set.
import type { KindName } from "./address.ts";

/**
 * `name`: a manifest of `target`, as `name` or `namespace/name` · `tool`: a Tool, a tool of an McpServer or a memory tool ·
 * `secret`: a Secret, with or without a key · `model`: the id of a model that a ModelEndpoint has, or, where it is no rule,
 * a ModelEndpoint.
 */
export type ReferenceForm = "name" | "tool" | "secret" | "model";

export interface Reference {
  readonly kind: KindName;
  /** A JSON pointer with `*` for every item or value; a last step of `{}` means the keys of the map. */
  readonly path: string;
  readonly form: ReferenceForm;
  readonly target: KindName;
  /**
   * `needed`: the work cannot be done without it · `rule`: a rule that names nothing never holds, which nobody means ·
   * `elsewhere`: it may well exist outside Git.
   */
  readonly weight: "needed" | "rule" | "elsewhere";
  /** Names in it may hold `*` for any text. */
  readonly pattern?: true;
  /** Of a rule: what becomes of it where it names nothing. Otherwise it never holds. */
  readonly unmet?: string;
  /** It is named only where this path names nothing. */
  readonly unless?: string;
}

const ALLOWS_NOTHING = "It allows nothing.";
const DENIES_ALL = "No such call can come before, so every call is denied that the rule is about.";

export const REFERENCES: readonly Reference[] = [
  needed("Agent", "/spec/model_ref", "ModelEndpoint"),
  needed("Agent", "/spec/fallback_model_refs/*", "ModelEndpoint"),
  { kind: "Agent", path: "/spec/tools/*", form: "tool", target: "Tool", weight: "needed" },
  { kind: "Agent", path: "/spec/allowed_tools/*", form: "tool", target: "Tool", weight: "rule", pattern: true },
  { kind: "Agent", path: "/spec/execution/tool_sequence/*", form: "tool", target: "Tool", weight: "needed" },
  needed("Agent", "/spec/roles/*", "AgentRole"),
  needed("Agent", "/spec/memory/ref", "Memory"),
  needed("AgentSystem", "/spec/agents/*", "Agent"),
  secret("ModelEndpoint", "/spec/auth/secret_ref"),
  needed("Tool", "/spec/mcp_server_ref", "McpServer"),
  { kind: "Tool", path: "/spec/verify", form: "tool", target: "Tool", weight: "needed" },
  secret("Tool", "/spec/auth/secret_ref"),
  secret("Tool", "/spec/callback/auth/secret_ref"),
  secret("Tool", "/spec/callback/auth/previous_secret_ref"),
  secret("Tool", "/spec/cli/env_from/*/secret_ref"),
  secret("Tool", "/spec/cli/image_pull_secret"),
  secret("McpServer", "/spec/env/*/secret_ref"),
  secret("McpServer", "/spec/auth/secret_ref"),
  secret("McpServer", "/spec/image_pull_secret"),
  secret("Memory", "/spec/auth/secret_ref"),
  secret("Memory", "/spec/endpoint_secret_ref"),
  { kind: "Memory", path: "/spec/embedding_model", form: "model", target: "ModelEndpoint", weight: "elsewhere" },
  rule("AgentPolicy", "/spec/target_systems/*", "AgentSystem"),
  rule("AgentPolicy", "/spec/target_tasks/*", "Task"),
  rule("AgentPolicy", "/spec/target_agents/*", "Agent"),
  rule("AgentPolicy", "/spec/rules/*/match/agents/*", "Agent"),
  ruleTool("AgentPolicy", "/spec/blocked_tools/*"),
  ruleTool("AgentPolicy", "/spec/rules/*/match/tools/*"),
  ruleTool("AgentPolicy", "/spec/max_calls/{}"),
  ruleTool("AgentPolicy", "/spec/budgets/*/calls/{}"),
  ruleTool("AgentPolicy", "/spec/rate/of"),
  { ...rule("AgentPolicy", "/spec/allowed_secrets/*", "Secret"), unmet: ALLOWS_NOTHING },
  rule("AgentPolicy", "/spec/flow/*/to/agents/*", "Agent"),
  ruleTool("AgentPolicy", "/spec/flow/*/to/tools/*"),
  ruleTool("AgentPolicy", "/spec/sequence/*/tools/*"),
  { ...ruleTool("AgentPolicy", "/spec/sequence/*/requires_before/*"), unmet: DENIES_ALL },
  ruleTool("AgentPolicy", "/spec/sequence/*/not_after/*"),
  { ...ruleModel("AgentPolicy", "/spec/allowed_models/*"), unmet: ALLOWS_NOTHING },
  ruleModel("AgentPolicy", "/spec/rules/*/match/models/*"),
  ruleTool("ToolPermission", "/spec/tool_ref"),
  { ...ruleTool("ToolPermission", "/metadata/name"), unless: "/spec/tool_ref" },
  rule("ToolPermission", "/spec/target_agents/*", "Agent"),
  rule("PolicyTest", "/spec/cases/*/request/agent", "Agent"),
  rule("PolicyTest", "/spec/cases/*/request/system", "AgentSystem"),
  needed("Task", "/spec/system", "AgentSystem"),
  needed("TaskSchedule", "/spec/task_ref", "Task"),
  needed("TaskSchedule", "/spec/task_template/system", "AgentSystem"),
  needed("TaskWebhook", "/spec/task_ref", "Task"),
  needed("TaskWebhook", "/spec/task_template/system", "AgentSystem"),
  secret("TaskWebhook", "/spec/auth/secret_ref"),
  secret("TaskWebhook", "/spec/auth/previous_secret_ref"),
];

function needed(kind: KindName, path: string, target: KindName): Reference {
  return { kind, path, form: "name", target, weight: "needed" };
}

function rule(kind: KindName, path: string, target: KindName): Reference {
  return { kind, path, form: "name", target, weight: "rule", pattern: true };
}

function ruleTool(kind: KindName, path: string): Reference {
  return { kind, path, form: "tool", target: "Tool", weight: "rule", pattern: true };
}

function ruleModel(kind: KindName, path: string): Reference {
  return { kind, path, form: "model", target: "ModelEndpoint", weight: "rule", pattern: true };
}

function secret(kind: KindName, path: string): Reference {
  return { kind, path, form: "secret", target: "Secret", weight: "elsewhere" };
}

/** The references of each kind, by which everybody asks. */
export const REFERENCES_BY_KIND: ReadonlyMap<KindName, readonly Reference[]> = new Map(
  REFERENCES.map(({ kind }) => [kind, REFERENCES.filter((reference) => reference.kind === kind)]),
);
