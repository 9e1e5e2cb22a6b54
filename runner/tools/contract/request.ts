// What a tool that speaks the tool contract (v1) is sent: the arguments, and on whose behalf it is called. Pure. Credentials
// are no part of it: they go where the protocol has a place for them.
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import { TOOL_CONTRACT_VERSION } from "../../../contracts/tool-answer.ts";
import { timeoutMsOf } from "../tool-facts.ts";

/** On whose behalf tools are called. */
export interface Caller {
  /** `namespace/name` */
  readonly task: string;
  readonly namespace: string;
  readonly agent: string;
}

export interface ContractCall {
  /** As its manifest spells it. */
  readonly tool: string;
  readonly spec: ToolSpec;
  readonly caller: Caller;
  readonly idempotencyKey: string;
}

/** `request_id` is the idempotency key: the same for every try of one call, and of no other call. */
export function contractRequest(
  { tool, spec, caller, idempotencyKey }: ContractCall,
  args: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return {
    tool_contract_version: TOOL_CONTRACT_VERSION,
    request_id: idempotencyKey,
    task_id: caller.task,
    namespace: caller.namespace,
    agent: caller.agent,
    tool: {
      name: tool,
      operation: "invoke",
      capabilities: spec.capabilities ?? [],
      risk_level: spec.risk_level ?? "low",
    },
    input: args,
    input_raw: JSON.stringify(args),
    runtime: { mode: spec.type ?? "http", timeout_ms: timeoutMsOf(spec.runtime?.timeout) },
  };
}
