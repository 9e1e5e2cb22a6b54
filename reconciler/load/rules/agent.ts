// Rules of Agents that no schema can tell.
import type { AgentSpec } from "../../../contracts/kinds/agent.ts";
import { listedTools, memoryOperation } from "../../../contracts/memory-tools.ts";
import { plainToolName } from "../../../contracts/tool-names.ts";
import type { Remarks } from "./remarks.ts";

export function checkAgent(spec: AgentSpec, remarks: Remarks): void {
  if ((spec.memory?.allow ?? []).length > 0 && spec.memory?.ref === undefined) {
    remarks.refuse("/memory/allow", "`memory.allow` needs `memory.ref`", "Name the Memory that is meant.");
  }
  for (const [index, name] of (spec.tools ?? []).entries()) {
    if (memoryOperation(name) === undefined || spec.memory?.ref !== undefined) continue;
    remarks.complain(`/tools/${index}`, `\`${name}\` needs \`memory.ref\``, "Name the Memory that is meant.");
  }
  checkContract(spec, remarks);
  const schema = spec.execution?.output_schema ?? {};
  if (Object.keys(schema).length > 0 && !Object.hasOwn(schema, "type")) {
    remarks.complain("/execution/output_schema", "`output_schema` has no `type`", "Say `type: object`, or what it is.");
  }
}

function checkContract(spec: AgentSpec, remarks: Remarks): void {
  const { execution } = spec;
  const sequence = execution?.tool_sequence ?? [];
  if (execution?.profile === "contract" && sequence.length === 0) {
    remarks.complain("/execution", "a `contract` needs `tool_sequence`", "List the tools that must have been called.");
  }
  const listed = new Set(listedTools(spec).map(plainToolName));
  for (const [index, tool] of sequence.entries()) {
    if (listed.has(plainToolName(tool))) continue;
    const detail = "The agent may not call it, so the contract can never be kept. Add it to `tools`.";
    remarks.complain(`/execution/tool_sequence/${index}`, `\`${tool}\` is not one of the agent's tools`, detail);
  }
}
