// From the files of overlays to the manifests that they change, before references are checked: read, apply, check again.
import type { Address } from "../../contracts/address.ts";
import type { Problem } from "../../contracts/problem.ts";
import type { Candidate } from "../load/candidate.ts";
import type { SourceFile } from "../load/desired-set.ts";
import type { ReadingKit } from "../load/read-file.ts";
import { applyOverlays } from "./apply-overlays.ts";
import { readPatches } from "./read-patches.ts";
import { recheck } from "./recheck.ts";

export interface OverlaidSet {
  /** In place of those with the same addresses. */
  readonly candidates: readonly Candidate[];
  readonly problems: readonly Problem[];
}

/** `files` in the order in which their patches are applied. */
export function overlaySet(
  files: readonly SourceFile[],
  manifests: ReadonlyMap<string, Candidate>,
  kit: ReadingKit,
): OverlaidSet {
  const readings = files.map(readPatches);
  const patches = readings.flatMap((reading) => reading.patches);
  const { patched, problems } = applyOverlays(manifests as ReadonlyMap<Address, Candidate>, patches);
  const overlayFiles = new Set(files.map(({ path }) => path));
  const checked = patched.map(({ base, manifest, locate }) => {
    const { problems: found, valid, ...rest } = recheck({ manifest, locate, overlayFiles }, kit);
    return { candidate: { ...base, ...rest, locate, valid: valid && base.valid }, found };
  });
  const candidates = new Map(checked.map(({ candidate }) => [candidate.address, candidate]));
  const broken = [...readings.flatMap((reading) => reading.broken), ...problems.map(({ address }) => address ?? null)];
  for (const candidate of unpatched(broken, manifests))
    candidates.set(candidate.address, { ...candidate, valid: false });
  return {
    candidates: [...candidates.values()],
    problems: [
      ...readings.flatMap((reading) => reading.problems),
      ...problems,
      ...checked.flatMap(({ found }) => found),
    ],
  };
}

/** Without its patch a manifest is not what was meant; where nobody knows whose patch is missing, none of them is. */
function unpatched(broken: readonly (string | null)[], manifests: ReadonlyMap<string, Candidate>): Iterable<Candidate> {
  const known = broken.map((address) => (address === null ? undefined : manifests.get(address)));
  return known.includes(undefined) ? manifests.values() : known.filter((candidate) => candidate !== undefined);
}
