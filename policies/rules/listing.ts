// Step 5: a tool must exist and be listed by the agent.
import { deny, type Finding } from "../finding.ts";
import { toolKey } from "../names.ts";
import type { AgentGrants, Subject, ToolFacts } from "../request.ts";
import { agentAddress } from "../scope.ts";

export function findListing(subject: Subject, grants: AgentGrants, tool: ToolFacts): Finding[] {
  const address = agentAddress(subject);
  const key = toolKey(tool.name);
  const findings: Finding[] = [];
  if (!grants.tools.some((name) => toolKey(name) === key)) {
    findings.push(deny(address, "TOOL_NOT_LISTED", "spec.tools", `the agent does not list \`${tool.name}\``, "tool"));
  }
  if (!tool.known) {
    const message = `no manifest and no server provides \`${tool.name}\``;
    findings.push(deny(address, "TOOL_UNKNOWN", "spec.tools", message, "tool"));
  }
  return findings;
}
