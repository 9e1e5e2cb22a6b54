// The kind AgentRole: permissions under a name, for agents to have.
import type { SpecFrom } from "../schema.ts";
import { NAMES, TEXT } from "./field-schemas.ts";

export const AGENT_ROLE_SCHEMA = {
  type: "object",
  description: "Permissions under a name. An agent has the permissions of all its roles.",
  additionalProperties: false,
  properties: {
    description: { ...TEXT, description: "What the role is for." },
    permissions: { ...NAMES, description: "`tool:<name>:invoke` or `capability:<name>`, in any case." },
  },
} as const;

export type AgentRoleSpec = SpecFrom<typeof AGENT_ROLE_SCHEMA>;
