// Guards against pruning, read from the state: what they block, what they drag along, and what they let pass.

import { describe, expect, it } from "vitest";
import { defaultSettings } from "../../../contracts/environment.ts";
import { nextRecords } from "../../../reconciler/apply/next-records.ts";
import { assert, cases, constantFrom, integer, property, record, subarray, uniqueArray } from "../../property.ts";
import { applied, manifest, NOW, observed, plan, source } from "./builders.ts";

const PREVENT = { "countwheel.dev/prevent-prune": "true" };
const RETAIN = { "countwheel.dev/retain": "" };
const model = manifest("ModelEndpoint", "m", { provider: "mock" });
const keeper = manifest("Memory", "keeper");
const agent = (annotations = {}) => manifest("Agent", "a", { model_ref: "m" }, { annotations });

describe("a guarded record", () => {
  it("stays when its manifest goes, and says how to lift the guard", () => {
    const state = observed([agent(PREVENT), model, keeper, manifest("Agent", "b", {}, { annotations: RETAIN })]);
    const made = plan({ source: source([model, keeper]), observed: state });
    expect(made.changes.map(({ name, blocked }) => [name, blocked?.code])).toEqual([
      ["a", "PREVENT_PRUNE"],
      ["b", "RETAINED"],
    ]);
    expect(made.changes[0]?.blocked?.message).toMatch(/without the annotation, apply that change by itself/);
    expect(made).toMatchObject({ counts: { prune: 0, blocked: 2 }, applyable: false, confirm: null });
  });

  it("lets the rest of the plan proceed", () => {
    const set = [model, manifest("Agent", "new", { model_ref: "m" })];
    const state = observed([agent(PREVENT), model, keeper, manifest("AgentRole", "old")]);
    const made = plan({ source: source(set), observed: state, settings: generous });
    expect(made).toMatchObject({ counts: { create: 1, prune: 2, blocked: 1 }, applyable: true });
    expect([...applied(made, set, state).records.keys()].toSorted()).toEqual([
      "Agent/default/a",
      "Agent/default/new",
      "ModelEndpoint/default/m",
    ]);
  });

  it("loses its guard by an ordinary update, and only the plan after that may prune it", () => {
    const state = observed([agent(PREVENT), model]);
    const lifted = [agent(), model];
    const update = plan({ source: source(lifted), observed: state });
    expect(update.changes).toMatchObject([{ action: "update" }]);
    const made = plan({ source: source([model]), observed: applied(update, lifted, state) });
    expect(made.changes).toMatchObject([{ action: "prune", address: "Agent/default/a" }]);
    expect(made.changes[0]?.blocked).toBeUndefined();
  });

  it("is not guarded by `false`, nor by what the new manifest says", () => {
    const no = agent({ "countwheel.dev/prevent-prune": "false" });
    expect(plan({ source: source([model]), observed: observed([no, model]) }).counts).toMatchObject({ prune: 1 });
  });

  it("keeps what it refers to, however far", () => {
    const system = manifest("AgentSystem", "s", { agents: ["a"] }, { annotations: PREVENT });
    const state = observed([system, agent(), model, manifest("Agent", "other"), keeper]);
    const made = plan({ source: source([keeper]), observed: state });
    expect(made.changes.map(({ address, blocked }) => [address, blocked?.code])).toEqual([
      ["Agent/default/a", "DEPENDS_ON_BLOCKED"],
      ["Agent/default/other", undefined],
      ["AgentSystem/default/s", "PREVENT_PRUNE"],
      ["ModelEndpoint/default/m", "DEPENDS_ON_BLOCKED"],
    ]);
  });

  it("holds back what would refer to something that is not made", () => {
    const suspended = new Map([[agent().address, { by: "Ada", since: NOW.toISOString(), reason: "" }]]);
    const set = [model, agent(), manifest("AgentSystem", "s", { agents: ["a"] }), manifest("Agent", "free", {})];
    const made = plan({ source: source(set), observed: observed([model]), suspended });
    expect(made.changes.map(({ name, blocked }) => [name, blocked?.code])).toEqual([
      ["a", "SUSPENDED"],
      ["free", undefined],
      ["s", "DEPENDS_ON_BLOCKED"],
    ]);
  });

  it("is not pruned by a plan that somebody else wrote", () => {
    const state = observed([agent(PREVENT), model]);
    const made = plan({ source: source([model]), observed: state });
    const changes = made.changes.map(({ blocked: _blocked, ...change }) => change);
    expect(() =>
      nextRecords({ plan: { ...made, changes }, manifests: [model], records: state.records, appliedAt: "" }),
    ).toThrow(/no plan may prune it/);
  });
});

const generous = { ...defaultSettings("production"), prunes: { maxCount: 99, maxPercent: 100, allowEmpty: true } };
const NAMES = ["a", "b", "c", "d", "e", "f", "g"] as const;
const anyRecord = record({
  kind: constantFrom("Agent", "AgentSystem", "Memory" as const),
  name: constantFrom(...NAMES),
  guard: constantFrom({}, PREVENT, RETAIN, { "countwheel.dev/retain": "false" }),
  agents: subarray([...NAMES]),
});
const anyState = uniqueArray(anyRecord, { selector: ({ kind, name }) => `${kind}/${name}`, maxLength: 16 }).map((all) =>
  all.map(({ kind, name, guard, agents }) =>
    manifest(kind as "Agent", name, kind === "AgentSystem" ? { agents } : {}, { annotations: guard }),
  ),
);

describe("every plan", () => {
  it("keeps guarded records, and leaves none of them with a reference that the plan broke", () => {
    assert(
      property(anyState, subarray([...NAMES]), (before, kept) => {
        const state = observed(before);
        const set = before.filter(
          ({ manifest: { kind, metadata } }) => kind !== "AgentSystem" && kept.includes(metadata.name as "a"),
        );
        const made = plan({ source: source(set), observed: state });
        const next = nextRecords({ plan: made, manifests: set, records: state.records, appliedAt: "" });
        const left = new Map(next.all.map((one) => [one.address, one]));
        for (const {
          address,
          manifest: { kind, metadata, spec },
        } of before) {
          const values = Object.values(metadata.annotations);
          if (!values.some((value) => value !== "false")) continue;
          expect(left.has(address)).toBe(true);
          for (const name of kind === "AgentSystem" ? (spec["agents"] as string[]) : []) {
            const target = manifest("Agent", name).address;
            expect(left.has(target)).toBe(state.records.has(target));
          }
        }
      }),
      { numRuns: cases(250) },
    );
  });

  it("waits with more prunes than its limits let pass, and with no fewer", () => {
    const limits = record({ maxCount: integer({ min: 0, max: 12 }), maxPercent: integer({ min: 0, max: 100 }) });
    assert(
      property(
        integer({ min: 0, max: 14 }),
        integer({ min: 0, max: 14 }),
        limits,
        (kept, gone, { maxCount, maxPercent }) => {
          const all = Array.from({ length: kept + gone }, (_, index) => manifest("Agent", `agent-${index}`, { index }));
          const settings = { ...defaultSettings("p"), prunes: { maxCount, maxPercent, allowEmpty: false } };
          const made = plan({ source: source(all.slice(0, kept)), observed: observed(all), settings });
          const over =
            gone > maxCount || (kept === 0 && gone > 0) || (all.length >= 4 && gone * 100 > maxPercent * all.length);
          expect(made.confirm === null).toBe(!(gone > 0 && over));
          if (made.confirm !== null) expect(made.confirm.prunes).toBe(made.counts.prune);
        },
      ),
      { numRuns: cases(250) },
    );
  });
});
