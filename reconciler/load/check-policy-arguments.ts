// Rules of AgentPolicies that name arguments which their tool does not have: such a rule denies every call, or, where the
// argument is optional, silently never holds.
import { specOf } from "../../contracts/kinds.ts";
import type { Problem } from "../../contracts/problem.ts";
import { escapePointer } from "../../contracts/sensitive.ts";
import { findArgument, parseArgumentPath } from "../../policies/arguments/argument-path.ts";
import { scoped } from "./check-references.ts";
import type { Declaration, Declared } from "./declared.ts";
import { quote } from "./finding.ts";
import { nearMatch } from "./near-match.ts";

export function checkPolicyArguments(declaration: Declaration, declared: Declared): Problem[] {
  const rules = specOf(declaration.manifest, "AgentPolicy")?.rules ?? [];
  return rules.flatMap((rule, index) => {
    const pointer = `/spec/rules/${index}`;
    const named = [
      ...Object.keys(rule.match?.arguments ?? {}).map((name) => [`${pointer}/match/arguments`, name] as const),
      ...Object.keys(rule.must ?? {}).map((name) => [`${pointer}/must`, name] as const),
    ];
    if (named.length === 0) return [];
    const tools = (rule.match?.tools ?? []).flatMap((name) => readTool(name, declaration, declared));
    return tools.flatMap((tool) => named.flatMap(([at, name]) => argumentProblem(declaration, at, name, tool)));
  });
}

interface DeclaredTool {
  readonly owner: Declaration;
  /** Of its `input_schema`. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Tools whose schema lists its arguments. What a server offers is known only where it runs. */
function readTool(name: string, { manifest }: Declaration, declared: Declared): DeclaredTool[] {
  const ref = scoped(name, manifest.metadata.namespace);
  const owner = declared.read("Tool", ref.namespace, ref.name);
  const schema = owner === undefined ? undefined : specOf(owner.manifest, "Tool")?.input_schema;
  const properties = schema?.["properties"];
  if (owner === undefined || typeof properties !== "object" || properties === null) return [];
  if (schema?.["patternProperties"] !== undefined) return [];
  return [{ owner, properties: { ...properties } }];
}

function argumentProblem(
  { manifest, locate }: Declaration,
  at: string,
  name: string,
  { owner, properties }: DeclaredTool,
): Problem[] {
  const first = parseArgumentPath(name)?.segments[0];
  if (first === undefined || findArgument(properties, { text: first, segments: [first] }).found) return [];
  const tool = owner.manifest.metadata.name;
  const related = owner.locate("/spec/input_schema/properties");
  const near = nearMatch(first, Object.keys(properties));
  const place = `${related.file}:${related.line}:${related.column}`;
  const detail =
    near === undefined
      ? `Its arguments are declared at ${place}. The rule could never hold as it is meant.`
      : `Did you mean \`${near}\`, declared at ${place}?`;
  const summary = `AgentPolicy ${quote(manifest.metadata.name)} judges the argument ${quote(first)}, which Tool ${quote(tool)} does not have`;
  const pointer = `${at}/${escapePointer(name)}`;
  const address = `${manifest.kind}/${manifest.metadata.namespace}/${manifest.metadata.name}`;
  return [{ severity: "error", code: "SCHEMA", summary, detail, address, ...locate(pointer), related }];
}
