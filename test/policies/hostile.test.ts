// Nothing that a manifest can hold makes a decision look at more than it may: work is counted, so that a slow machine and a
// fast one decide the same. How long the worst of it takes is in bench/RESULTS.md (`npm run bench -- hostile`).
import { describe, expect, it } from "vitest";
import { compileMatcher } from "../../policies/arguments/compile-matcher.ts";
import type { SpecError } from "../../policies/compiled.ts";
import { decide } from "../../policies/decide.ts";
import { compilePolicies } from "../../policies/policy-set.ts";
import { HOSTILE_RULES, type HostileCase, REFUSED_PATTERNS } from "./hostile-cases.ts";
import { globalPolicy, toolRequest } from "./requests.ts";

const ruleOf = ({ must, when }: HostileCase) => ({
  match: { tools: ["*"] },
  ...(must === undefined ? {} : { must }),
  ...(when === undefined ? {} : { when }),
});

const decideOn = (cases: readonly HostileCase[], args: HostileCase["args"], more = {}) => {
  const set = compilePolicies([globalPolicy({ rules: cases.map(ruleOf), ...more })], "d");
  expect(set.policies.flatMap(({ errors }) => errors)).toEqual([]);
  return decide(toolRequest({ args }), set);
};

describe("a decision", () => {
  it.each(HOSTILE_RULES)("counts its work, and denies what is too much: $name", (hostile) => {
    const { args, isJudged = false } = hostile;
    const { effect, reasons } = decideOn([hostile], args);
    const isTooMuch = reasons.some(({ message }) => message.startsWith("there is too much to look at"));
    expect(isTooMuch).toBe(!isJudged);
    if (isTooMuch) expect(effect).toBe("deny");
  });

  const RE2 = HOSTILE_RULES.find(({ name }) => name === "RE2 with many states") as HostileCase;

  it("says that there is too much to look at, whichever rule comes first", () => {
    const cheap = { name: "cheap", must: { y: 1 }, args: {} };
    const args = { ...RE2.args, y: 1 };
    for (const rules of [
      [cheap, RE2],
      [RE2, cheap],
    ]) {
      const { effect, reasons } = decideOn(rules, args);
      expect(effect).toBe("deny");
      expect(reasons.map(({ message }) => message).join()).toContain("there is too much to look at");
    }
  });

  it("lets a policy in audit mode take nothing from the others", () => {
    const set = compilePolicies(
      [
        { ...globalPolicy({ mode: "audit", rules: [ruleOf(RE2)] }), address: "AgentPolicy/default/a", name: "a" },
        globalPolicy({ rules: [{ match: { tools: ["*"] }, must: { x: { type: "string" } } }] }),
      ],
      "d",
    );
    const verdict = decide(toolRequest({ args: RE2.args }), set);
    expect(verdict).toMatchObject({ effect: "deny", enforced: false });
  });

  it("lets an allow that it could not look at allow nothing", () => {
    const allow = { match: { tools: ["*"], arguments: RE2.must }, effect: "allow" };
    const set = compilePolicies([globalPolicy({ default: "deny", rules: [allow] })], "d");
    expect(decide(toolRequest({ args: RE2.args }), set)).toMatchObject({ effect: "deny", enforced: true });
  });
});

it.each(REFUSED_PATTERNS)("refuses the pattern %s when it is read", (pattern) => {
  const errors: SpecError[] = [];
  expect(compileMatcher({ matches: pattern }, "x", errors)).toBeUndefined();
  expect(errors.map(({ rule }) => rule)).toEqual(["x.matches"]);
});

it("refuses matchers in matchers without end", () => {
  let spec: unknown = 1;
  for (let depth = 0; depth < 5_000; depth += 1) spec = { not: spec };
  const errors: SpecError[] = [];
  expect(compileMatcher(spec, "x", errors)).toBeUndefined();
  expect(errors[0]?.message).toContain("nested too deeply");
});
