// Which rewritten branches are held back, by the mode of the environment and by what a person allowed.
import { describe, expect, it } from "vitest";
import type { HistoryMode } from "../../../contracts/environment.ts";
import type { History } from "../../../contracts/plan.ts";
import { findHistoryHold, historyHoldText } from "../../../reconciler/holds/history.ts";
import { manifest, plan, source } from "../plan/builders.ts";

const from = "a".repeat(40);

function held(history: History, mode: HistoryMode, allowed: readonly History[] = [], changed = true) {
  const made = plan({ source: source(changed ? [manifest("Agent", "a")] : []), history });
  return findHistoryHold(made, { mode, allowed, from });
}

describe("a plan of a branch", () => {
  const cases: [History, HistoryMode, readonly History[], "hold" | "block" | undefined][] = [
    ["first", "hold", [], undefined],
    ["first", "block", [], undefined],
    ["fast-forward", "hold", [], undefined],
    ["fast-forward", "block", [], undefined],
    ["forced", "allow", [], undefined],
    ["unrelated", "allow", [], undefined],
    ["forced", "hold", [], "hold"],
    ["unrelated", "hold", [], "hold"],
    ["forced", "hold", ["forced"], undefined],
    ["forced", "hold", ["unrelated"], "hold"],
    ["unrelated", "hold", ["forced"], "hold"],
    ["forced", "block", [], "block"],
    ["forced", "block", ["forced", "unrelated"], "block"],
    ["unrelated", "block", ["unrelated"], "block"],
  ];
  it.each(cases)("with %s history under `history: %s`, allowed %j, comes to %s", (history, mode, allowed, expected) => {
    const hold = held(history, mode, allowed);
    expect(hold?.mode).toBe(expected);
    if (hold !== undefined) expect(hold).toEqual({ why: "history", mode: expected, history, from, to: hold.to });
  });

  it("without changes is never held back: there is nothing to apply", () => {
    expect(held("unrelated", "block", [], false)).toBeUndefined();
  });

  it("shows both hashes and what lifts the hold", () => {
    const hold = held("forced", "hold");
    const block = held("unrelated", "block");
    const text = hold === undefined ? "" : historyHoldText(hold);
    expect(text).toContain(from);
    expect(text).toContain(hold?.to);
    expect(text).toContain("--allow-history forced");
    expect(block === undefined ? "" : historyHoldText(block)).toMatch(/unrelated history.*history: block/);
  });
});
