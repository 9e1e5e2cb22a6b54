// How strictly an agent's work is checked (`execution` of its manifest). Pure.
import type { AgentSpec } from "../../contracts/kinds/agent.ts";
import { plainToolName } from "../../contracts/tool-names.ts";

export interface Contract {
  /** Each must have answered without an error, in any order. */
  readonly tools: readonly string[];
  /** The output must hold each of them, letter by letter. */
  readonly markers: readonly string[];
  /** False (`observe`): what is missing is recorded, and the agent is done. */
  readonly enforced: boolean;
}

export interface Execution {
  /** What becomes of a call that repeats an earlier one. */
  readonly duplicates: "short_circuit" | "deny" | "allow";
  /** The first result of a tool is the agent's output; under a contract, the one that completes its tools. */
  readonly stopOnFirstTool: boolean;
  /** undefined: the profile `dynamic`. */
  readonly contract: Contract | undefined;
}

export function readExecution(spec: AgentSpec["execution"]): Execution {
  const { profile, tool_sequence: tools = [], required_output_markers: markers = [] } = spec ?? {};
  const enforced = spec?.on_contract_violation !== "observe";
  return {
    duplicates: spec?.duplicate_tool_call_policy ?? "short_circuit",
    stopOnFirstTool: spec?.tool_use_behavior === "stop_on_first_tool",
    contract: profile === "contract" ? { tools, markers, enforced } : undefined,
  };
}

/** Whether every tool of the contract, if there is one, has answered. */
export function hasCalledAll(contract: Contract | undefined, answered: ReadonlySet<string>): boolean {
  return (contract?.tools ?? []).every((tool) => answered.has(plainToolName(tool)));
}

/** What is missing from the contract, a phrase each; empty: it was kept. */
export function findMissing(
  contract: Contract | undefined,
  answered: ReadonlySet<string>,
  output: string,
): readonly string[] {
  if (contract === undefined) return [];
  const tools = contract.tools.filter((tool) => !answered.has(plainToolName(tool)));
  const markers = contract.markers.filter((marker) => !output.includes(marker));
  return [
    ...tools.map((tool) => `the tool \`${tool}\` has not answered`),
    ...markers.map((marker) => `the output does not hold \`${marker}\``),
  ];
}
