// Rules on the flow of data that name labels which nothing in the set has: such a rule silently never holds.
import { specOf } from "../../contracts/kinds.ts";
import type { Problem } from "../../contracts/problem.ts";
import { compilePattern, matchesPattern, nameKey } from "../../policies/names.ts";
import type { DeclaredData } from "../../policies/tool-data.ts";
import type { Candidate } from "./candidate.ts";
import { quote } from "./finding.ts";
import { nearMatch } from "./near-match.ts";

const IS_POLICY = /^AgentPolicy\//;
const HAS_LABELS = /^(?:Tool|McpServer|Memory)\//;

/** Asks the whole set, and costs nothing where no policy has such rules. */
export function checkPolicyLabels(sorted: readonly Candidate[]): Problem[] {
  // Looked into only by its kind: those of a kept set are unfolded for it.
  const policies = sorted.filter(
    (candidate) => IS_POLICY.test(candidate.address) && candidate.valid && hasFlow(candidate),
  );
  if (policies.length === 0) return [];
  const declared = sorted.filter(({ address }) => HAS_LABELS.test(address)).flatMap(declaredBy);
  const returns = new Set(declared.flatMap((one) => one.returns ?? []).map(nameKey));
  const sendsTo = new Set(declared.flatMap((one) => one.sends_to ?? []).map(nameKey));
  return policies.flatMap((policy) => problemsOf(policy, returns, sendsTo));
}

function hasFlow({ manifest }: Candidate): boolean {
  return (specOf(manifest, "AgentPolicy")?.flow ?? []).length > 0;
}

/** Also of manifests with errors elsewhere: one broken Tool does not make every rule about it look wrong. */
function declaredBy({ manifest }: Candidate): readonly DeclaredData[] {
  const tool = specOf(manifest, "Tool") ?? specOf(manifest, "Memory");
  if (tool !== undefined) return [tool];
  return Object.values(specOf(manifest, "McpServer")?.tool_facts ?? {});
}

function problemsOf(policy: Candidate, returns: ReadonlySet<string>, sendsTo: ReadonlySet<string>): Problem[] {
  const spec = specOf(policy.manifest, "AgentPolicy");
  const known = new Set([...returns, ...(spec?.input_labels ?? []).map(nameKey)]);
  const problems = (spec?.flow ?? []).flatMap(({ data, to }, index) => {
    const at = `/spec/flow/${index}`;
    const unread = data.flatMap((label, item) =>
      known.has(nameKey(label)) ? [] : [unknown(policy, `${at}/data/${item}`, label, "returns", known)],
    );
    const unsent = (to.sends_to ?? []).flatMap((label, item) =>
      isAmong(sendsTo, label) ? [] : [unknown(policy, `${at}/to/sends_to/${item}`, label, "sends_to", sendsTo)],
    );
    return [...unread, ...unsent];
  });
  return problems.filter(isFirst);
}

/** A label that several rules name is told once. */
function isFirst({ summary }: Problem, index: number, all: readonly Problem[]): boolean {
  return all.findIndex((other) => other.summary === summary) === index;
}

function isAmong(labels: ReadonlySet<string>, text: string): boolean {
  const pattern = compilePattern(nameKey(text));
  return [...labels].some((label) => matchesPattern(pattern, label));
}

function unknown(
  { address, manifest, locate }: Candidate,
  pointer: string,
  label: string,
  field: "returns" | "sends_to",
  known: ReadonlySet<string>,
): Problem {
  const near = nearMatch(nameKey(label), [...known].toSorted());
  const mend = `Write \`${field}: [${label}]\` in a Tool, in \`tool_facts\` of an McpServer, or in a Memory.`;
  return {
    severity: "warning",
    code: "DANGLING_REFERENCE",
    summary: `AgentPolicy ${quote(manifest.metadata.name)} names the label ${quote(label)}, which nothing has in \`${field}\``,
    detail: `The rule never holds. ${near === undefined ? mend : `Did you mean ${quote(near)}?`}`,
    address,
    ...locate(pointer),
  };
}
