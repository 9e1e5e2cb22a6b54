// What manifests say of the data that passes through a tool, put together. The same for the plan and for the runner.
import { compilePattern, matchesPattern, toolKey } from "./names.ts";
import type { ToolData } from "./request.ts";

/** As a Tool, a Memory or `tool_facts` of an McpServer say it. */
export interface DeclaredData {
  readonly returns?: readonly string[];
  readonly sends_to?: readonly string[];
}

/** What any of them says counts. undefined: none says anything. */
export function joinToolData(declared: readonly DeclaredData[]): ToolData | undefined {
  const returns = [...new Set(declared.flatMap((one) => one.returns ?? []))];
  const sendsTo = [...new Set(declared.flatMap((one) => one.sends_to ?? []))];
  if (returns.length + sendsTo.length === 0) return undefined;
  return { ...(returns.length === 0 ? {} : { returns }), ...(sendsTo.length === 0 ? {} : { sendsTo }) };
}

/** Of a tool of a memory: what is kept there comes back only from those that read, and all of them tell it something. */
export function dataOfMemory({ returns = [], sends_to = [] }: DeclaredData, reads: boolean): DeclaredData {
  return { returns: reads ? returns : [], sends_to };
}

/** The entries of `tool_facts` that are about a tool, by the name that its server gives it. */
export function factsOfServed(
  facts: Readonly<Record<string, DeclaredData>> | undefined,
  tool: string,
): readonly DeclaredData[] {
  if (facts === undefined) return [];
  const key = toolKey(tool);
  return Object.entries(facts).flatMap(([name, declared]) =>
    matchesPattern(compilePattern(toolKey(name)), key) ? [declared] : [],
  );
}
