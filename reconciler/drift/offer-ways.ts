// Adds to each drift what a person may do about it. Reads the files in question, so only `drift` itself does this.
import type { Address } from "../../contracts/address.ts";
import type { DriftChange, DriftReport } from "../../contracts/drift.ts";
import type { StateRecord } from "../../contracts/record.ts";
import type { SourceSpec, SourceTools } from "../environment-source.ts";
import { createLoader } from "../load/load-files.ts";
import type { PlannableSource } from "../plan/make-plan.ts";
import { adoptPatch } from "./adopt.ts";
import { type OfferContext, withOffers } from "./offers.ts";
import { readTexts } from "./read-texts.ts";

export interface OfferInput {
  readonly spec: SourceSpec;
  readonly tools: Pick<SourceTools, "git" | "mirrorFolder">;
  readonly source: PlannableSource;
  readonly records: ReadonlyMap<Address, StateRecord>;
  readonly context: OfferContext;
  readonly signal: AbortSignal;
}

/** Past this many a person wants one command, not patches. */
const PATCHES = 50;

export async function offerWays(report: DriftReport, input: OfferInput): Promise<DriftReport> {
  const { spec, tools, source, records, context, signal } = input;
  const { manifests } = source.load.set;
  const declared = new Map(manifests.map((loaded) => [loaded.address, loaded]));
  const patched = report.items.slice(0, PATCHES);
  const files = [...new Set(patched.flatMap(({ address }) => declared.get(address)?.place.file ?? []))].toSorted();
  const texts = await readTexts(spec, tools, { headSha: source.identity.headSha, files }, signal);
  const loader = createLoader();
  const offer = async (change: DriftChange, index: number): Promise<DriftChange> => {
    if (index >= PATCHES)
      return withOffers(change, { outcome: "none", why: `only ${PATCHES} patches are made` }, context);
    const place = declared.get(change.address)?.place.file;
    const adopt = await adoptPatch({
      change,
      record: records.get(change.address),
      declared: declared.get(change.address),
      text: place === undefined ? undefined : texts.get(place),
      neighbours: manifests.filter((loaded) => loaded.place.file === place),
      folder: folderOf(source),
      loader,
    });
    return withOffers(change, adopt, context);
  };
  const items: DriftChange[] = [];
  for (const [index, change] of report.items.entries()) items.push(await offer(change, index));
  return { ...report, items };
}

/** Where a manifest of its own may be put: the environment's directory, also where a single file was named. */
function folderOf({ identity: { path } }: PlannableSource): string {
  return /\.(ya?ml|json)$/i.test(path) ? path.split("/").slice(0, -1).join("/") : path;
}
