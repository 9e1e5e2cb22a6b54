// What is remembered of the last plan only saves work: with it and without it plans are the same bytes.

import { describe, expect, it } from "vitest";
import type { Address } from "../../../contracts/address.ts";
import type { ObservedState } from "../../../contracts/record.ts";
import type { LoadedManifest } from "../../../reconciler/load/desired-set.ts";
import { makePlan, type PlanInput } from "../../../reconciler/plan/make-plan.ts";
import { MOVED_FROM } from "../../../reconciler/plan/moves.ts";
import { PlanMemory } from "../../../reconciler/plan/plan-memory.ts";
import { ProvenRecords } from "../../../store/proven-records.ts";
import { array, assert, boolean, cases, constantFrom, integer, option, property, record } from "../../property.ts";
import { manifest, NOW, observed, source, TOOL } from "./builders.ts";

const KINDS = ["Agent", "AgentPolicy", "ModelEndpoint"] as const;
const NAMES = ["a", "b", "c", "d", "e"];

const anyManifest = record({
  kind: constantFrom(...KINDS),
  name: constantFrom(...NAMES),
  spec: integer({ min: 0, max: 2 }),
  movedFrom: option(constantFrom(...NAMES), { freq: 6 }),
}).map(({ kind, name, spec, movedFrom }) =>
  manifest(kind, name, { spec }, movedFrom === null ? {} : { annotations: { [MOVED_FROM]: movedFrom } }),
);

/** What comes between two looks: manifests that are written or deleted, records that somebody applied or pruned. */
const anyStep = record({
  files: array(record({ loaded: anyManifest, isGone: boolean() }), { maxLength: 3 }),
  records: array(record({ loaded: anyManifest, isGone: boolean() }), { maxLength: 3 }),
  /** The state was read whole: what is remembered does not lead to it. */
  isReread: option(constantFrom(true), { freq: 4 }),
});

function proven({ records }: ObservedState): Map<Address, string> {
  return new Map(Array.from(records, ([address, found]) => [address, `seal ${found.digest} ${JSON.stringify(found)}`]));
}

function inputOf(manifests: Iterable<LoadedManifest>, records: ProvenRecords, number: number): PlanInput {
  const { head } = observed([]);
  const now = new Date(NOW.getTime() + number);
  return {
    source: source([...manifests]),
    history: "fast-forward",
    observed: { head, records },
    env: "production",
    now,
    planId: `plan-${number}`,
    tool: TOOL,
  };
}

describe("a remembered plan", () => {
  it("is what a plan would be that was made anew", () => {
    assert(
      property(array(anyStep, { minLength: 2, maxLength: 6 }), (steps) => {
        const memory = new PlanMemory();
        const declared = new Map<Address, LoadedManifest>();
        let records = new ProvenRecords(new Map());
        for (const [number, { files, records: written, isReread }] of steps.entries()) {
          for (const { loaded, isGone } of files) {
            if (isGone) declared.delete(loaded.address);
            else declared.set(loaded.address, loaded);
          }
          const gone = new Set(written.filter(({ isGone }) => isGone).map(({ loaded }) => loaded.address));
          const come = observed(written.map(({ loaded }) => loaded).filter(({ address }) => !gone.has(address)));
          if (written.length > 0)
            records = records.replace(new Set(written.map(({ loaded }) => loaded.address)), proven(come));
          if (isReread === true) records = new ProvenRecords(proven({ head: null, records }));
          const input = inputOf(declared.values(), records, number);
          expect(JSON.stringify(memory.plan(input))).toBe(JSON.stringify(makePlan(input)));
        }
      }),
      { numRuns: cases(50) },
    );
  });

  it("is another one as soon as anything else is", () => {
    const set = source([manifest("Agent", "a", { spec: 1 })]);
    const first = inputOf([], new ProvenRecords(new Map()), 1);
    const input: PlanInput = { ...first, source: set };
    const suspension = { by: "ada", since: "2026-10-01T00:00:00Z", reason: "" };
    const others: readonly Partial<PlanInput>[] = [
      { history: "forced" },
      { suspended: new Map([["Agent/default/a" as Address, suspension]]) },
      { ignore: [] },
      { tool: { name: "countwheel", version: "9" } },
      { observed: { ...input.observed, head: null } },
      { source: { ...set, identity: { ...set.identity, headSha: null, dirty: true } } },
    ];
    for (const other of others) {
      const memory = new PlanMemory();
      memory.plan(input);
      const changed = { ...input, ...other };
      expect(memory.plan(changed)).toEqual(makePlan(changed));
      expect(memory.plan({ ...changed, planId: "again" })).toEqual(makePlan({ ...changed, planId: "again" }));
    }
  });
});
