// Which inputs of a plan moved: by its age, its source and its state.
import { describe, expect, it } from "vitest";
import { movedInSource, movedInState, movedInTime } from "../../../reconciler/apply/stale.ts";
import { manifest, NOTHING, NOW, observed, plan, source, TOOL } from "../plan/builders.ts";

const agent = (model: string) => manifest("Agent", "a", { model_ref: model });
const before = observed([agent("m"), manifest("Agent", "gone")]);
const made = plan({ source: source([agent("n")]), observed: before });
const inputs = (moved: readonly { input: string }[]) => moved.map(({ input }) => input);

describe("a plan", () => {
  it("fits what it was made of", () => {
    expect(movedInTime(made, NOW, TOOL)).toEqual([]);
    expect(movedInSource(made, source([agent("n")]))).toEqual([]);
    expect(movedInState(made, before)).toEqual([]);
  });

  it("expires, and is bound to the tool that made it", () => {
    expect(inputs(movedInTime(made, new Date(made.expiresAt), TOOL))).toEqual(["expired"]);
    expect(inputs(movedInTime(made, NOW, { ...TOOL, version: "0.2.0" }))).toEqual(["tool"]);
  });

  it("names the ref whose head moved, with both commits", () => {
    const moved = source([agent("n")]);
    const identity = { ...moved.identity, headSha: "b".repeat(40) };
    expect(movedInSource(made, { ...moved, identity })).toEqual([
      { input: "head", message: "the head of refs/heads/main moved from 9f8e7d6 to bbbbbbb" },
    ]);
  });

  it("names the manifests of a working tree that were edited since", () => {
    const tree = source([agent("n")]);
    const identity = { ...tree.identity, ref: null, headSha: null, dirty: true };
    const planned = plan({ source: { ...tree, identity }, observed: before });
    expect(inputs(movedInSource(planned, { ...source([agent("x")]), identity }))).toEqual(["manifest"]);
    expect(inputs(movedInSource(planned, { ...source([agent("n"), manifest("Agent", "gone")]), identity }))).toEqual([
      "manifest",
    ]);
    expect(movedInSource(planned, { ...source([agent("n"), manifest("Agent", "elsewhere")]), identity })).toEqual([]);
    const policy = manifest("AgentPolicy", "p", {});
    expect(inputs(movedInSource(planned, { ...source([agent("n"), policy]), identity }))).toEqual(["policy"]);
  });

  it("names a configuration that is another", () => {
    const moved = source([agent("n")]);
    const identity = { ...moved.identity, path: "elsewhere" };
    expect(inputs(movedInSource(made, { ...moved, identity }))).toEqual(["config"]);
  });

  it("names the records that moved, and only those that it touches", () => {
    expect(inputs(movedInState(made, observed([agent("x"), manifest("Agent", "gone")])))).toEqual(["record"]);
    expect(movedInState(made, observed([agent("m"), manifest("Agent", "gone"), manifest("Agent", "new")]))).toEqual([]);
  });

  it("does not fit another lineage, nor a state that appeared or went away", () => {
    expect(inputs(movedInState(made, NOTHING))).toEqual(["lineage"]);
    expect(inputs(movedInState(plan({ source: source([agent("n")]) }), before))).toEqual(["lineage"]);
  });

  it("cannot be applied where it was made against a ref", () => {
    const set = [agent("m"), manifest("Agent", "new")];
    const against = plan({ source: source(set), observed: { ...observed([agent("m")]), head: null } });
    expect(movedInState(against, NOTHING)).toMatchObject([
      { input: "lineage", message: "it was made against a ref, not against the state" },
    ]);
  });
});
