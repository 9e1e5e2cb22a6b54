// Properties of the plan over random sets and states: it leads where it says, and depends on nothing but its inputs.

import { describe, expect, it } from "vitest";
import type { LoadedManifest } from "../../../reconciler/load/desired-set.ts";
import { type PlannableSource } from "../../../reconciler/plan/make-plan.ts";
import {
  assert,
  cases,
  constantFrom,
  dictionary,
  jsonValue,
  property,
  record,
  string,
  uniqueArray,
} from "../../property.ts";
import { applied, manifest, observed, plan, problem, source } from "./builders.ts";

const anySpec = dictionary(string({ maxLength: 6 }), jsonValue({ maxDepth: 3 }), { maxKeys: 4 });
const anyManifest = record({
  kind: constantFrom("Agent", "Secret", "AgentPolicy", "Task", "McpServer"),
  name: constantFrom("a", "b", "c", "d"),
  spec: anySpec,
});
const anySet = uniqueArray(anyManifest, { selector: ({ kind, name }) => `${kind}/${name}`, maxLength: 12 }).map(
  (items) => items.map(({ kind, name, spec }) => manifest(kind as "Agent", name, spec)),
);

/** A case takes a fraction of a millisecond. */
const CASES = { numRuns: cases(250) };

describe("a plan", () => {
  it("leads to a state with which the next plan is empty", () => {
    assert(
      property(anySet, anySet, (desired, before) => {
        const state = observed(before);
        const made = plan({ source: source(desired), observed: state });
        const after = applied(made, desired, state);
        expect(plan({ source: source(desired), observed: after }).changes).toEqual([]);
        expect([...after.records.keys()].toSorted()).toEqual(desired.map(({ address }) => address).toSorted());
      }),
      CASES,
    );
  });

  it("does not depend on the order of files and records", () => {
    assert(
      property(anySet, anySet, (desired, before) => {
        const one = plan({ source: unsorted(desired), observed: observed(before) });
        const other = plan({ source: unsorted(desired.toReversed()), observed: observed(before.toReversed()) });
        expect(JSON.stringify(other)).toBe(JSON.stringify(one));
      }),
      CASES,
    );
  });

  it("has a field for every difference, and an update only where there is one", () => {
    assert(
      property(anySet, anySet, (desired, before) => {
        const { changes } = plan({ source: source(desired), observed: observed(before) });
        for (const change of changes) expect(change.fields.length > 0).toBe(change.action === "update");
      }),
      CASES,
    );
  });

  it("never prunes from an invalid set", () => {
    assert(
      property(anySet, anySet, (desired, before) => {
        const { counts, applyable } = plan({ source: source(desired, [problem()]), observed: observed(before) });
        expect([counts.prune, applyable]).toEqual([0, false]);
      }),
      CASES,
    );
  });
});

/** As a loader would hand them over that forgot to sort. */
function unsorted(manifests: readonly LoadedManifest[]): PlannableSource {
  const made = source(manifests);
  return made.status === "ok" ? { ...made, load: { ...made.load, set: { manifests } } } : made;
}
