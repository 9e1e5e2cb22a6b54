// What a person may do about a drift, as text to paste: the command that reverts, the lines that ignore. Pure.
import { stringify } from "yaml";
import type { DriftChange, DriftOffers } from "../../contracts/drift.ts";
import type { AdoptAnswer } from "./adopt.ts";

export interface OfferContext {
  readonly env: string;
  /** Applies this environment's source again, such as `countwheel apply --repo … --ref main`. */
  readonly applyCommand: string;
}

export function withOffers(change: DriftChange, adopt: AdoptAnswer, context: OfferContext): DriftChange {
  const offers: DriftOffers = {
    adopt: adopt.outcome === "patch" ? adopt.patch : null,
    revert: revertOf(change, context),
    ignore: ignoreOf(change, context.env),
    notes: adopt.outcome === "none" ? [`adopt: ${adopt.why}`] : [],
  };
  return { ...change, drift: { ...change.drift, offers } };
}

function revertOf({ drift: { sort, mend } }: DriftChange, { applyCommand }: OfferContext): string | null {
  switch (sort) {
    case "record":
      return applyCommand;
    case "world":
      return mend ?? null;
    case "undeclared":
      return "lift its guard in a commit of its own (declare it once without the annotation), then delete its manifest";
  }
}

/** No rule keeps a record from being made again, or a strange one from being pruned. */
function ignoreOf({ kind, name, fields, drift }: DriftChange, env: string): string | null {
  if (drift.code === "RECORD_ADDED" || drift.code === "RECORD_REMOVED") return null;
  const pointers = fields.length === 0 ? ["/spec"] : fields.map(({ path }) => path);
  return stringify({ environments: { [env]: { drift: { ignore: [{ kind, name, pointers }] } } } }, { lineWidth: 0 });
}
