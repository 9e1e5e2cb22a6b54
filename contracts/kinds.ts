// Every kind: its schema, its names in the plural and in short, and the type of its spec.
import { KIND_NAMES, type KindName } from "./address.ts";
import { AGENT_SCHEMA, type AgentSpec } from "./kinds/agent.ts";
import { AGENT_POLICY_SCHEMA, type AgentPolicySpec } from "./kinds/agent-policy.ts";
import { AGENT_ROLE_SCHEMA, type AgentRoleSpec } from "./kinds/agent-role.ts";
import { AGENT_SYSTEM_SCHEMA, type AgentSystemSpec } from "./kinds/agent-system.ts";
import { MCP_SERVER_SCHEMA, type McpServerSpec } from "./kinds/mcp-server.ts";
import { MEMORY_SCHEMA, type MemorySpec } from "./kinds/memory.ts";
import { MODEL_ENDPOINT_SCHEMA, type ModelEndpointSpec } from "./kinds/model-endpoint.ts";
import { POLICY_TEST_SCHEMA, type PolicyTestSpec } from "./kinds/policy-test.ts";
import { SECRET_SCHEMA, type SecretSpec } from "./kinds/secret.ts";
import { TASK_SCHEMA, type TaskSpec } from "./kinds/task.ts";
import { TASK_SCHEDULE_SCHEMA, type TaskScheduleSpec } from "./kinds/task-schedule.ts";
import { TASK_WEBHOOK_SCHEMA, type TaskWebhookSpec } from "./kinds/task-webhook.ts";
import { TOOL_SCHEMA, type ToolSpec } from "./kinds/tool.ts";
import { TOOL_APPROVAL_SCHEMA, type ToolApprovalSpec } from "./kinds/tool-approval.ts";
import { TOOL_PERMISSION_SCHEMA, type ToolPermissionSpec } from "./kinds/tool-permission.ts";
import { WORKER_SCHEMA, type WorkerSpec } from "./kinds/worker.ts";
import type { Manifest } from "./manifest.ts";
import type { Schema } from "./schema.ts";

export interface KindInfo {
  readonly kind: KindName;
  readonly plural: string;
  readonly shortNames: readonly string[];
  /** Of the spec, in its canonical form. */
  readonly schema: Schema;
  readonly description: string;
}

export interface SpecTypes {
  readonly Agent: AgentSpec;
  readonly AgentPolicy: AgentPolicySpec;
  readonly AgentRole: AgentRoleSpec;
  readonly AgentSystem: AgentSystemSpec;
  readonly McpServer: McpServerSpec;
  readonly Memory: MemorySpec;
  readonly ModelEndpoint: ModelEndpointSpec;
  readonly PolicyTest: PolicyTestSpec;
  readonly Secret: SecretSpec;
  readonly Task: TaskSpec;
  readonly TaskSchedule: TaskScheduleSpec;
  readonly TaskWebhook: TaskWebhookSpec;
  readonly Tool: ToolSpec;
  readonly ToolApproval: ToolApprovalSpec;
  readonly ToolPermission: ToolPermissionSpec;
  readonly Worker: WorkerSpec;
}

export const KINDS: Readonly<Record<KindName, KindInfo>> = {
  Agent: kindInfo("Agent", "agents", ["ag"], AGENT_SCHEMA),
  AgentPolicy: kindInfo("AgentPolicy", "agentpolicies", ["pol", "policy", "policies"], AGENT_POLICY_SCHEMA),
  AgentRole: kindInfo("AgentRole", "agentroles", ["ar", "role", "roles"], AGENT_ROLE_SCHEMA),
  AgentSystem: kindInfo("AgentSystem", "agentsystems", ["as", "system", "systems"], AGENT_SYSTEM_SCHEMA),
  McpServer: kindInfo("McpServer", "mcpservers", ["mcp"], MCP_SERVER_SCHEMA),
  Memory: kindInfo("Memory", "memories", ["mem"], MEMORY_SCHEMA),
  ModelEndpoint: kindInfo("ModelEndpoint", "modelendpoints", ["me", "model", "models"], MODEL_ENDPOINT_SCHEMA),
  PolicyTest: kindInfo("PolicyTest", "policytests", ["pt"], POLICY_TEST_SCHEMA),
  Secret: kindInfo("Secret", "secrets", ["sec"], SECRET_SCHEMA),
  Task: kindInfo("Task", "tasks", ["ta"], TASK_SCHEMA),
  TaskSchedule: kindInfo("TaskSchedule", "taskschedules", ["ts", "schedule", "schedules"], TASK_SCHEDULE_SCHEMA),
  TaskWebhook: kindInfo("TaskWebhook", "taskwebhooks", ["tw", "webhook", "webhooks"], TASK_WEBHOOK_SCHEMA),
  Tool: kindInfo("Tool", "tools", ["to"], TOOL_SCHEMA),
  ToolApproval: kindInfo("ToolApproval", "toolapprovals", ["ap", "tap", "approval", "approvals"], TOOL_APPROVAL_SCHEMA),
  ToolPermission: kindInfo(
    "ToolPermission",
    "toolpermissions",
    ["tp", "permission", "permissions"],
    TOOL_PERMISSION_SCHEMA,
  ),
  Worker: kindInfo("Worker", "workers", ["wo"], WORKER_SCHEMA),
};

function kindInfo(kind: KindName, plural: string, shortNames: readonly string[], schema: Schema): KindInfo {
  return { kind, plural, shortNames, schema, description: schema.description ?? "" };
}

/** A kind as people write it: any case, singular, plural or short, with or without dashes. */
export function findKind(text: string): KindName | undefined {
  const wanted = plainWord(text);
  return KIND_NAMES.find((kind) => kindWords(kind).includes(wanted));
}

/** Every word that {@link findKind} knows: what a near match is looked for in. */
export function kindWords(kind: KindName): readonly string[] {
  return [kind.toLowerCase(), KINDS[kind].plural, ...KINDS[kind].shortNames];
}

function plainWord(text: string): string {
  return text.trim().toLowerCase().replace(/[-_]/g, "");
}

/** A manifest's `kind` field: its name in any case, nothing shorter. */
export function readKind(text: string): KindName | undefined {
  const wanted = text.trim().toLowerCase();
  return KIND_NAMES.find((kind) => kind.toLowerCase() === wanted);
}

/** Narrows a manifest's spec to its kind's type, or undefined for another kind. The loader has validated it. */
export function specOf<K extends KindName>(manifest: Manifest, kind: K): SpecTypes[K] | undefined {
  return manifest.kind === kind ? (manifest.spec as unknown as SpecTypes[K]) : undefined;
}
