// Where a rule of a manifest stands, for whoever has the manifests with their places.
import type { Place } from "../../contracts/problem.ts";
import { escapePointer } from "../../contracts/sensitive.ts";
import type { LoadedManifest } from "../load/desired-set.ts";

/** undefined: nobody knows the manifest. `rule` is as reasons name it: `spec.rules[0].must.amount`. */
export type PlaceOf = (address: string, rule: string) => Place | undefined;

export function placesIn(manifests: readonly Pick<LoadedManifest, "address" | "locate">[]): PlaceOf {
  const byAddress = new Map<string, (pointer: string) => Place>();
  for (const { address, locate } of manifests) byAddress.set(address, locate);
  return (address, rule) => byAddress.get(address)?.(pointerOf(rule));
}

/** `spec.rules[0].must.amount` → `/spec/rules/0/must/amount`. A name with a dot in it ends at what is around it. */
function pointerOf(rule: string): string {
  const parts = rule.split(/[.[\]]/).filter((part) => part !== "");
  return parts.map((part) => `/${escapePointer(part)}`).join("");
}
