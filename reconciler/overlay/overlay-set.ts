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
    const outcome = recheck({ manifest, locate, overlayFiles }, kit);
    const { problems: found, valid, ...rest } = outcome;
    return { candidate: { ...base, ...rest, locate, valid: valid && base.valid }, found };
  });
  return {
    candidates: checked.map(({ candidate }) => candidate),
    problems: [
      ...readings.flatMap((reading) => reading.problems),
      ...problems,
      ...checked.flatMap(({ found }) => found),
    ],
  };
}
