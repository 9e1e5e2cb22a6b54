// The Tools that a rule of an AgentPolicy names, with what their schemas say of their arguments; and how it is told that a
// rule judges an argument which its tool does not have.
import { specOf } from "../../contracts/kinds.ts";
import type { Problem } from "../../contracts/problem.ts";
import { scoped } from "./check-references.ts";
import type { Declaration, Declared } from "./declared.ts";
import { quote } from "./finding.ts";
import { nearMatch } from "./near-match.ts";

export interface NamedTool {
  readonly owner: Declaration;
  readonly inputSchema: unknown;
}

/** Those that a Tool declares; a name that holds `*` is about tools that only its author knows. */
export function declaredTools(
  names: readonly string[],
  { manifest }: Pick<Declaration, "manifest">,
  declared: Declared,
): Declaration[] {
  return [...new Set(names)].flatMap((name) => {
    const ref = scoped(name, manifest.metadata.namespace);
    return (name.includes("*") ? undefined : declared.readToolLike(ref.namespace, ref.name)) ?? [];
  });
}

/** What a server offers is known only where it runs. */
export function toolsNamed(names: readonly string[], declaration: Declaration, declared: Declared): NamedTool[] {
  return declaredTools(names, declaration, declared).flatMap((owner) => {
    const inputSchema = specOf(owner.manifest, "Tool")?.input_schema;
    return inputSchema === undefined ? [] : [{ owner, inputSchema }];
  });
}

export interface MissingArgument {
  /** Of the rule, where it names the argument. */
  readonly pointer: string;
  /** As the rule spells it. */
  readonly text: string;
  /** The part of it that is not there, and what is there instead. */
  readonly name: string;
  readonly candidates: readonly string[];
}

export function missingArgument(
  { manifest, locate }: Declaration,
  { owner }: NamedTool,
  { pointer, text, name, candidates }: MissingArgument,
): Problem {
  const related = owner.locate("/spec/input_schema/properties");
  const place = `${related.file}:${related.line}:${related.column}`;
  const near = nearMatch(name, candidates);
  const detail =
    near === undefined
      ? `Its arguments are declared at ${place}. The rule could never hold as it is meant.`
      : `Did you mean ${quote(near)}, declared at ${place}?`;
  const tool = owner.manifest.metadata.name;
  const summary = `AgentPolicy ${quote(manifest.metadata.name)} judges the argument ${quote(text)}, which Tool ${quote(tool)} does not have`;
  const address = `${manifest.kind}/${manifest.metadata.namespace}/${manifest.metadata.name}`;
  return { severity: "error", code: "SCHEMA", summary, detail, address, ...locate(pointer), related };
}
