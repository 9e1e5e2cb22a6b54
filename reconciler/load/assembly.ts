// A set put together from its files: who is declared, what was found, what each check asked. Made whole, or from the set
// before it where little changed; both ways come to the same.
import { compareProblems, type Problem } from "../../contracts/problem.ts";
import { byAddress, type Candidate, type FileInSet, withoutDuplicates } from "./candidate.ts";
import { checkEmbeddings } from "./check-embeddings.ts";
import { type Checked, checkOne } from "./check-one.ts";
import { checkPolicyLabels } from "./check-policy-labels.ts";
import { checkPolicyTests } from "./check-policy-tests.ts";
import { checkToolNames } from "./check-set.ts";
import { Declared, NEAR_MATCHES } from "./declared.ts";
import type { LoadResult } from "./desired-set.ts";
import { Inquiries } from "./inquiries.ts";
import type { Pacer } from "./pacer.ts";

export interface Assembly {
  /** By path. Changed in place by the next assembly that is made from this one, as are all maps here. */
  readonly files: Map<string, FileInSet>;
  /** By address. */
  readonly candidates: Map<string, Candidate>;
  readonly declared: Declared;
  readonly findings: Findings;
  readonly hasDuplicates: boolean;
  /** Sorted by address. */
  readonly sorted: readonly Candidate[];
  readonly toolProblems: readonly Problem[];
  readonly manifestCount: number;
  readonly result: LoadResult;
}

/** What checking each manifest came to, by address. */
export interface Findings {
  /** Only where there are any. */
  readonly problems: Map<string, readonly Problem[]>;
  readonly inquiries: Inquiries;
  /** How often each looked for a near match, where it did; `looked` is their sum. */
  readonly looks: Map<string, number>;
  looked: number;
}

/** What stands over the manifests of the files: others in place of some of them. */
export type Overlay = (candidates: ReadonlyMap<string, Candidate>) => {
  readonly candidates: readonly Candidate[];
  readonly problems: readonly Problem[];
};

export async function assembleWhole(files: Map<string, FileInSet>, pace: Pacer, overlay?: Overlay): Promise<Assembly> {
  const { first: candidates, problems: duplicates } = withoutDuplicates(candidatesOf(files.values()));
  const overlaid = overlay?.(candidates);
  for (const candidate of overlaid?.candidates ?? []) candidates.set(candidate.address, candidate);
  const sorted = [...candidates.values()].toSorted(byAddress);
  const declared = new Declared(candidates);
  const findings: Findings = { problems: new Map(), inquiries: new Inquiries(), looks: new Map(), looked: 0 };
  for (const candidate of sorted) {
    note(findings, candidate.address, checkOne(candidate, declared));
    await pace();
  }
  const toolProblems = toolProblemsOf(sorted);
  let manifestCount = 0;
  for (const file of files.values()) manifestCount += file.manifestCount;
  const parts = { files, candidates, declared, findings, sorted, toolProblems, manifestCount };
  return {
    ...parts,
    hasDuplicates: duplicates.length > 0,
    result: resultOf(parts, [...duplicates, ...(overlaid?.problems ?? [])]),
  };
}

function* candidatesOf(files: Iterable<FileInSet>): Generator<Candidate> {
  for (const file of files) yield* file.candidates;
}

/** The kind is told by the address: the manifests of all others need not be unfolded. */
const NAMES_TOOLS = /^(?:Tool|McpServer)\//;

export function toolProblemsOf(sorted: readonly Candidate[]): Problem[] {
  return checkToolNames(sorted.filter(({ address, valid }) => valid && NAMES_TOOLS.test(address)));
}

export function note(findings: Findings, address: string, { problems, inquiry }: Checked): void {
  if (problems.length > 0) findings.problems.set(address, problems);
  findings.inquiries.set(address, inquiry);
  if (inquiry.looked > 0) findings.looks.set(address, inquiry.looked);
  findings.looked += inquiry.looked;
}

export function forgetNote(findings: Findings, address: string): void {
  findings.looked -= findings.looks.get(address) ?? 0;
  findings.looks.delete(address);
  findings.problems.delete(address);
  findings.inquiries.delete(address);
}

/** Past it, whether a near match is looked for depends on all that were looked for before. */
export function isWithinNearMatches({ looked }: Findings): boolean {
  return looked <= NEAR_MATCHES;
}

type Parts = Pick<Assembly, "files" | "findings" | "sorted" | "toolProblems" | "manifestCount">;

export function resultOf(
  { files, findings, sorted, toolProblems, manifestCount }: Parts,
  more: readonly Problem[] = [],
) {
  const found = [
    ...more,
    ...toolProblems,
    ...checkPolicyTests(sorted),
    ...checkPolicyLabels(sorted),
    ...checkEmbeddings(sorted),
  ];
  for (const { problems } of files.values()) if (problems.length > 0) found.push(...problems);
  for (const problems of findings.problems.values()) found.push(...problems);
  return {
    set: { manifests: sorted.filter(({ valid }) => valid) },
    problems: found.toSorted(compareWhole),
    manifestCount,
    fileCount: files.size,
  };
}

/** Also the last tie is broken by content, so that the order never depends on how the problems were found. */
function compareWhole(a: Problem, b: Problem): number {
  return (
    compareProblems(a, b) ||
    compareText(a.summary, b.summary) ||
    compareText(a.detail, b.detail) ||
    compareText(a.severity, b.severity)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
