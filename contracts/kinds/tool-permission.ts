// The kind ToolPermission: what an agent needs before it may call a tool.
import type { SpecFrom } from "../schema.ts";
import { NAME, NAMES, TEXT } from "./field-schemas.ts";

export const TOOL_PERMISSION_SCHEMA = {
  type: "object",
  description: "What an agent needs before it may call a tool. Every ToolPermission that applies must be met.",
  additionalProperties: false,
  properties: {
    tool_ref: { ...NAME, description: "The tool. By default the one that has this manifest's name." },
    action: { ...TEXT, default: "invoke", description: "What is permitted." },
    required_permissions: { ...NAMES, description: "Permissions that the agent's roles must hold." },
    match_mode: {
      type: "string",
      enum: ["all", "any"],
      default: "all",
      description: "Whether all of the permissions are needed or one is enough.",
    },
    apply_mode: {
      type: "string",
      enum: ["global", "scoped"],
      default: "global",
      description: "`scoped` holds for `target_agents` only.",
    },
    target_agents: { ...NAMES, description: "Agents that a scoped permission holds for." },
    operation_rules: {
      type: "array",
      description: "Verdicts by operation class; the most restrictive one counts.",
      items: {
        type: "object",
        additionalProperties: false,
        properties: {
          operation_class: {
            type: "string",
            enum: ["read", "write", "delete", "admin", "*"],
            default: "*",
            description: "The class that the rule is about; `*` is every class.",
          },
          verdict: {
            type: "string",
            enum: ["allow", "deny", "approval_required"],
            default: "allow",
            description: "What happens to such a call.",
          },
        },
      },
    },
  },
} as const;

export type ToolPermissionSpec = SpecFrom<typeof TOOL_PERMISSION_SCHEMA>;
