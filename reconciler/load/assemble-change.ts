// Makes the next set from the one before it, for a few files that changed: only what changed, and who asked about it, is
// checked again. Answers undefined where that would not come to the same as a whole assembly, or would cost as much.
import { type Assembly, forgetNote, isWithinNearMatches, note, resultOf, toolProblemsOf } from "./assembly.ts";
import { byAddress, type Candidate, type FileInSet } from "./candidate.ts";
import { checkOne } from "./check-one.ts";
import { factsOf, isContentFact } from "./declared.ts";

export interface SetChange {
  /** Paths of files that are gone or have other contents. */
  readonly removed: readonly string[];
  readonly added: readonly (readonly [path: string, file: FileInSet])[];
}

export const CHANGE_LIMITS = {
  /** More files than this are assembled anew, with pauses. */
  files: 500,
  /** Checking one manifest takes some 3 µs, and nothing else runs meanwhile. */
  checks: 3_000,
} as const;

/** `before` is used up, whatever the answer: its maps become those of the next set. */
export function assembleChange(before: Assembly, change: SetChange): Assembly | undefined {
  if (before.hasDuplicates || !isWithinNearMatches(before.findings)) return undefined;
  const gone = candidatesOf(change.removed.map((path) => before.files.get(path)));
  const come = candidatesOf(change.added.map(([, file]) => file));
  if (!exchange(before.candidates, gone, come)) return undefined;
  before.declared.forget();
  if (!checkAgain(before, gone, come)) return undefined;
  const manifestCount = exchangeFiles(before, change);
  const sorted = sortAgain(before.sorted, gone, come);
  const touchesTools = [...gone, ...come].some(({ manifest: { kind } }) => kind === "Tool" || kind === "McpServer");
  const toolProblems = touchesTools ? toolProblemsOf(sorted) : before.toolProblems;
  const parts = { ...before, sorted, toolProblems, manifestCount };
  return { ...parts, result: resultOf(parts) };
}

function candidatesOf(files: readonly (FileInSet | undefined)[]): readonly Candidate[] {
  return files.flatMap((file) => file?.candidates ?? []);
}

/** False where two would have one address. */
function exchange(candidates: Map<string, Candidate>, gone: readonly Candidate[], come: readonly Candidate[]): boolean {
  const left = new Set(gone.map(({ address }) => address));
  for (const candidate of come) {
    if (candidates.has(candidate.address) && !left.delete(candidate.address)) return false;
    candidates.set(candidate.address, candidate);
  }
  for (const address of left) candidates.delete(address);
  return true;
}

/** False where too many would have to be checked at once. */
function checkAgain(
  { candidates, declared, findings }: Assembly,
  gone: readonly Candidate[],
  come: readonly Candidate[],
): boolean {
  const was = new Map(gone.map((candidate) => [candidate.address, candidate]));
  const is = new Map(come.map((candidate) => [candidate.address, candidate]));
  const addresses = new Set([...was.keys(), ...is.keys()]);
  const moved = new Set([...addresses].flatMap((address) => factsOf(was.get(address), is.get(address))));
  // Where all that changed is what manifests say, only those need a look that read other manifests.
  const { readers } = findings.inquiries;
  const asked = [...moved].every(isContentFact) ? readers : findings.inquiries.all();
  const again = new Set<string>(is.keys());
  for (const [address, { facts }] of asked) if (facts.some((fact) => moved.has(fact))) again.add(address);
  if (again.size > CHANGE_LIMITS.checks) return false;
  for (const address of new Set([...addresses, ...again])) forgetNote(findings, address);
  for (const address of again) {
    const candidate = candidates.get(address);
    if (candidate !== undefined) note(findings, address, checkOne(candidate, declared));
  }
  return isWithinNearMatches(findings);
}

function exchangeFiles({ files, manifestCount }: Assembly, { removed, added }: SetChange): number {
  let count = manifestCount;
  for (const path of removed) {
    count -= files.get(path)?.manifestCount ?? 0;
    files.delete(path);
  }
  for (const [path, file] of added) {
    count += file.manifestCount;
    files.set(path, file);
  }
  return count;
}

/** An array that is sorted but for its end is sorted in one pass. */
function sortAgain(
  sorted: readonly Candidate[],
  gone: readonly Candidate[],
  come: readonly Candidate[],
): readonly Candidate[] {
  const left = new Set(gone);
  const kept = left.size === 0 ? sorted : sorted.filter((candidate) => !left.has(candidate));
  return come.length === 0 ? kept : [...kept, ...come].toSorted(byAddress);
}
