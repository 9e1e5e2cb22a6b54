// What manifests say of the data that passes through a tool, put together. The same for the plan and for the runner.
import { compilePattern, matchesPattern, toolKey } from "./names.ts";
import type { Reach, ToolData } from "./request.ts";

/** As a Tool, a Memory or `tool_facts` of an McpServer say it. */
export interface DeclaredData {
  readonly returns?: readonly string[];
  readonly sends_to?: readonly string[];
  readonly url_arguments?: readonly string[];
}

/** What any of them says counts. undefined: none says anything. */
export function joinToolData(declared: readonly DeclaredData[], reach: readonly Reach[] = []): ToolData | undefined {
  const returns = unique(declared.flatMap((one) => one.returns ?? []));
  const sendsTo = unique(declared.flatMap((one) => one.sends_to ?? []));
  const urlArguments = unique(declared.flatMap((one) => one.url_arguments ?? []));
  const data: ToolData = {
    ...(returns.length === 0 ? {} : { returns }),
    ...(sendsTo.length === 0 ? {} : { sendsTo }),
    ...(urlArguments.length === 0 ? {} : { urlArguments }),
    ...joinReach(reach),
  };
  return Object.keys(data).length === 0 ? undefined : data;
}

function joinReach(reach: readonly Reach[]): Reach {
  const reaches = unique(reach.flatMap((one) => one.reaches ?? []));
  const secrets = unique(reach.flatMap((one) => one.secrets ?? []));
  return {
    ...(reaches.length === 0 ? {} : { reaches }),
    ...(secrets.length === 0 ? {} : { secrets }),
    ...(reach.some(({ isProcess }) => isProcess === true) ? { isProcess: true } : {}),
  };
}

function unique<V>(values: readonly V[]): readonly V[] {
  return [...new Set(values)];
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
