// The cases of bench/decide.ts as Cedar policies, for its WebAssembly build: the same subjects, tools and arguments, parsed
// beforehand as ours are compiled beforehand. What Cedar has no words for (budgets, roles by name) is left out, in its favour.
import {
  preparsePolicySet,
  type StatefulAuthorizationCall,
  statefulIsAuthorized,
} from "@cedar-policy/cedar-wasm/nodejs";
import type { GateRequest } from "../policies/request.ts";

export interface CedarCase {
  decide(): string;
}

type ToolRequest = Extract<GateRequest, { point: "before_tool" }>;

/** `policies`: Cedar's own text. Throws where Cedar cannot read them, or does not answer. */
export function openCedarCase(name: string, policies: string, request: ToolRequest): CedarCase {
  const parsed = preparsePolicySet(name, { staticPolicies: policies });
  if (parsed.type !== "success") throw new Error(JSON.stringify(parsed.errors));
  const { subject, tool, grants } = request;
  const call: StatefulAuthorizationCall = {
    principal: { type: "Agent", id: `${subject.namespace}/${subject.agent}` },
    action: { type: "Action", id: "call" },
    resource: { type: "Tool", id: tool.name },
    context: { tool: tool.name, arguments: request.arguments as never },
    preparsedPolicySetId: name,
    entities: [
      {
        uid: { type: "Agent", id: `${subject.namespace}/${subject.agent}` },
        attrs: { system: subject.system, tools: [...grants.tools] },
        parents: [],
      },
    ],
  };
  return {
    decide: () => {
      const answer = statefulIsAuthorized(call);
      if (answer.type !== "success") throw new Error(JSON.stringify(answer.errors));
      return answer.response.decision;
    },
  };
}

const LISTED = "permit(principal, action, resource) when { principal.tools.contains(context.tool) };";

export const FEW = [
  LISTED,
  ...["filesystem_delete", "shell_exec"].map((tool) => `forbid(principal, action, resource == Tool::"${tool}");`),
].join("\n");

export function many(policies: number, rules: number): string {
  const forbidden = Array.from({ length: policies * rules }, (_, index) => {
    const tool = `server-${Math.floor(index / rules)}--tool-${index % rules}*`;
    return `forbid(principal, action, resource) when { context.tool like "${tool}" };`;
  });
  return [LISTED, ...forbidden].join("\n");
}
