// Renames: files are no identity, an annotation moves a record, and what looks like a rename gets a hint.
import { describe, expect, it } from "vitest";
import { applied, manifest, observed, plan, source } from "./builders.ts";

const MOVED = "countwheel.dev/moved-from";
const old = manifest("Agent", "old", { model_ref: "m", prompt: "p" });
const moved = (from: string, spec: object = { model_ref: "m", prompt: "p" }, meta: object = {}) =>
  manifest("Agent", "new", { ...spec }, { annotations: { [MOVED]: from }, ...meta });
const rest = ["x", "y", "z"].map((name) => manifest("Memory", name));

const fiftyAt = (folder: string) =>
  Array.from({ length: 50 }, (_, i) => manifest("Agent", `a-${i}`, {}, { file: `${folder}/a-${i}.yaml` }));
const threeOf = (namespace: string) =>
  Array.from({ length: 3 }, (_, i) =>
    manifest("Agent", `a-${i}`, { i }, { namespace, file: `${namespace}/${i}.yaml` }),
  );
const fields = (changed: number) =>
  Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`f${i}`, i < changed ? "n" : "o"]));

const hintsFor = (changed: number) =>
  plan({
    source: source([manifest("Agent", "new", fields(changed)), ...rest]),
    observed: observed([manifest("Agent", "old", fields(0)), ...rest]),
  }).hints.length;

describe("a file that is renamed", () => {
  it("is no change, for fifty manifests as for one, and the next apply notes where they stand", () => {
    const state = observed(fiftyAt("before"));
    const made = plan({ source: source(fiftyAt("after")), observed: state });
    expect(made).toMatchObject({ changes: [], hints: [], confirm: null, counts: { noop: 50, move: 0 } });
    const set = [...fiftyAt("after"), rest[0] ?? old];
    const next = applied(plan({ source: source(set), observed: state }), set, state);
    const record = next.records.get(manifest("Agent", "a-7").address);
    expect(record).toMatchObject({
      generation: 1,
      source: { file: "after/a-7.yaml" },
      appliedAt: "2026-10-01T00:00:00Z",
    });
  });
});

describe("countwheel.dev/moved-from", () => {
  it("moves a record in one row, and its generation goes on", () => {
    const state = observed([old, ...rest]);
    const set = [moved("old"), ...rest];
    const made = plan({ source: source(set), observed: state });
    expect(made.changes).toMatchObject([
      { action: "move", address: "Agent/default/new", previousAddress: "Agent/default/old" },
    ]);
    expect(made.counts).toMatchObject({ create: 0, move: 1, prune: 0 });
    expect(made.state.touched).toEqual([
      { address: "Agent/default/new", digest: null },
      { address: "Agent/default/old", digest: old.digest },
    ]);
    const next = applied(made, set, state);
    expect(next.records.get(moved("old").address)).toMatchObject({ generation: 2 });
    expect(next.records.has(old.address)).toBe(false);
    expect(plan({ source: source(set), observed: next }).changes).toEqual([]);
  });

  it("takes an address of another namespace, and is nothing where there is no such record", () => {
    const far = manifest("Agent", "old", {}, { namespace: "team" });
    const state = observed([far, ...rest]);
    const made = plan({ source: source([moved("Agent/team/old"), ...rest]), observed: state });
    expect(made.changes).toMatchObject([{ action: "move", previousAddress: "Agent/team/old" }]);
    const fresh = plan({ source: source([moved("old"), ...rest]), observed: observed(rest) });
    expect(fresh).toMatchObject({ changes: [{ action: "create" }], problems: [] });
  });

  it("moves a guarded record, which stays guarded as its manifest says", () => {
    const guarded = manifest("Agent", "old", {}, { annotations: { "countwheel.dev/retain": "true" } });
    const made = plan({ source: source([moved("old"), ...rest]), observed: observed([guarded, ...rest]) });
    expect(made.changes).toMatchObject([{ action: "move" }]);
    expect(made.changes[0]?.blocked).toBeUndefined();
  });

  it.each([
    ["still declared", [old, moved("old")], [old], "is still declared"],
    [
      "claimed twice",
      [moved("old"), manifest("Agent", "two", {}, { annotations: { [MOVED]: "old" } })],
      [old],
      "says the same",
    ],
    ["there already", [moved("old")], [old, moved("old")], "the state holds both"],
    ["of another kind", [moved("Tool/default/old")], [old], "is no other Agent"],
    ["itself", [moved("new")], [], "is no other Agent"],
  ])("is a problem where the old one is %s", (_what, set, before, summary) => {
    const made = plan({ source: source([...set, ...rest]), observed: observed([...before, ...rest]) });
    expect(made.problems).toMatchObject([{ code: "MOVE_CONFLICT", summary: expect.stringContaining(summary) }]);
    expect(made.applyable).toBe(false);
  });
});

describe("a prune and a create that are alike", () => {
  it("get a hint with the annotation to paste", () => {
    const renamed = manifest("Agent", "new", { model_ref: "m", prompt: "p" });
    const made = plan({ source: source([renamed, ...rest]), observed: observed([old, ...rest]) });
    expect(made.hints).toMatchObject([{ code: "MOVED", addresses: ["Agent/default/old", "Agent/default/new"] }]);
    expect(made.hints[0]?.message).toContain("`countwheel.dev/moved-from: old`");
  });

  it("are alike with more than four fifths of their fields, and not with fewer", () => {
    expect([hintsFor(1), hintsFor(2)]).toEqual([1, 0]);
  });

  it("look like a moved root where most records go, and wait", () => {
    const made = plan({ source: source(threeOf("after")), observed: observed(threeOf("before")) });
    expect(made.confirm).toMatchObject({
      prunes: 3,
      because: expect.stringContaining("did the path or a namespace change"),
    });
    expect(made.hints.map(({ code }) => code)).toEqual(["ROOT_MOVED", "MOVED", "MOVED", "MOVED"]);
    expect(made.hints[1]?.message).toContain("moved-from: Agent/before/a-0");
  });
});
