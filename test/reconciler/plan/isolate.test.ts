// What an environment that isolates broken manifests applies of a set with errors: what needs nothing broken, no prune.
import { describe, expect, it } from "vitest";
import { defaultSettings } from "../../../contracts/environment.ts";
import { manifest, observed, plan, problem, source } from "./builders.ts";

const settings = { ...defaultSettings("production"), isolate: true };
const model = manifest("ModelEndpoint", "m");
const agent = (name: string, ref = "m") => manifest("Agent", name, { model_ref: ref });
const broken = (address: string, file = "broken.yaml") => problem({ address, file });

const rowsOf = (made: ReturnType<typeof plan>) =>
  made.changes.map(({ action, name, blocked }) => [action, name, blocked?.code]);

describe("a set with broken manifests", () => {
  it("waits as a whole where nothing else is said", () => {
    const made = plan({ source: source([model, agent("a")], [broken("Agent/default/b")]), observed: observed([]) });
    expect(made.applyable).toBe(false);
  });

  it("applies the valid ones that need nothing broken, and prunes nothing", () => {
    const set = [model, agent("a"), agent("b", "bad"), manifest("AgentSystem", "s", { agents: ["a", "b"] })];
    const before = observed([manifest("Agent", "gone")]);
    const made = plan({ source: source(set, [broken("ModelEndpoint/default/bad")]), observed: before, settings });
    expect(rowsOf(made)).toEqual([
      ["create", "a", undefined],
      ["create", "b", "ISOLATED"],
      ["create", "s", "ISOLATED"],
      ["create", "m", undefined],
    ]);
    expect(made).toMatchObject({ applyable: true, counts: { prune: 0, blocked: 2, invalid: 1 } });
  });

  it("moves nothing: the old name may stand in the broken file", () => {
    const renamed = manifest("Agent", "new", {}, { annotations: { "countwheel.dev/moved-from": "old" } });
    const made = plan({
      source: source([model, renamed], [broken("Agent/default/b")]),
      observed: observed([manifest("Agent", "old")]),
      settings,
    });
    expect(rowsOf(made)).toEqual([
      ["move", "new", "ISOLATED"],
      ["create", "m", undefined],
    ]);
  });

  it("changes nothing while a policy is broken, whether it says so or only stood in the file", () => {
    const set = [model, agent("a")];
    const policy = manifest("AgentPolicy", "guard", {}, { file: "policy.yaml" });
    const named = plan({
      source: source(set, [broken("AgentPolicy/default/guard")]),
      observed: observed([]),
      settings,
    });
    const hidden = plan({
      source: source(set, [problem({ code: "SYNTAX", file: "policy.yaml" })]),
      observed: observed([policy]),
      settings,
    });
    for (const made of [named, hidden]) {
      expect(new Set(made.changes.map(({ blocked }) => blocked?.code))).toEqual(new Set(["ISOLATED"]));
      expect(made.applyable).toBe(false);
    }
  });

  it("is never applyable for nothing: an empty change is no reason to hide a problem", () => {
    const made = plan({ source: source([model], [broken("Agent/default/b")]), observed: observed([model]), settings });
    expect(made).toMatchObject({ changes: [], applyable: false });
  });
});
