// Rules of AgentPolicies that name arguments which their tool does not have: such a rule denies every call, or, where the
// argument is optional, silently never holds.
import { specOf } from "../../contracts/kinds.ts";
import type { Problem } from "../../contracts/problem.ts";
import { escapePointer } from "../../contracts/sensitive.ts";
import { parseArgumentPath } from "../../policies/arguments/argument-path.ts";
import { typeOfArguments } from "../../policies/expression/type-check.ts";
import { findMissingField } from "../../policies/expression/types/path.ts";
import type { Declaration, Declared } from "./declared.ts";
import { missingArgument, type NamedTool, toolsNamed } from "./judged-tools.ts";

export function checkPolicyArguments(declaration: Declaration, declared: Declared): Problem[] {
  const rules = specOf(declaration.manifest, "AgentPolicy")?.rules ?? [];
  return rules.flatMap((rule, index) => {
    const pointer = `/spec/rules/${index}`;
    const named = [
      ...Object.keys(rule.match?.arguments ?? {}).map((name) => [`${pointer}/match/arguments`, name] as const),
      ...Object.keys(rule.must ?? {}).map((name) => [`${pointer}/must`, name] as const),
    ];
    if (named.length === 0) return [];
    const tools = toolsNamed(rule.match?.tools ?? [], declaration, declared);
    return tools.flatMap((tool) => named.flatMap(([at, name]) => argumentProblem(declaration, at, name, tool)));
  });
}

function argumentProblem(declaration: Declaration, at: string, name: string, tool: NamedTool): Problem[] {
  const path = parseArgumentPath(name);
  const missing = findMissingField(typeOfArguments(tool.inputSchema), path?.segments ?? []);
  if (missing === undefined) return [];
  const pointer = `${at}/${escapePointer(name)}`;
  return [missingArgument(declaration, tool, { ...missing, pointer, text: missing.segments.join(".") })];
}
