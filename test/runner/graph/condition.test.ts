import { expect, it } from "vitest";
import { PermanentFailure } from "../../../contracts/failure.ts";
import type { EdgeCondition } from "../../../contracts/graph.ts";
import { conditionHolds } from "../../../runner/graph/condition.ts";

const answer = JSON.stringify({ score: 7, verdict: "approved", tags: ["x", "y"], deep: [{ "odd name": "1" }] });

it.each<[EdgeCondition, string, boolean]>([
  [{ output_contains: "done" }, "all done", true],
  [{ output_contains: "done" }, "all Done", false],
  [{ output_not_contains: "done" }, "all done", false],
  [{ output_contains: "a", output_not_contains: "b" }, "ab", false],
  [{ output_matches: "^v\\d+$" }, "v12", true],
  [{ output_matches: "(a+)+$" }, `${"a".repeat(200)}!`, false],
  [{ output_json_path: "$.verdict", equals: "approved" }, answer, true],
  [{ output_json_path: "$.verdict", equals: "approved" }, `Here:\n\`\`\`json\n${answer}\n\`\`\``, true],
  [{ output_json_path: "$.score", equals: "7" }, answer, true],
  [{ output_json_path: "$.score", greater_than: 6, less_than: 8 }, answer, true],
  [{ output_json_path: "$.verdict", greater_than: 0 }, answer, false],
  [{ output_json_path: "$.tags", contains: "y" }, answer, true],
  [{ output_json_path: "$.deep[0]['odd name']", equals: 1 }, answer, true],
  [{ output_json_path: "$.nothing", not_equals: "x" }, answer, false],
  [{ output_json_path: "$.score" }, "no json", false],
  [{ output_json_path: "$.__proto__" }, answer, false],
])("decides %j", (condition, output, expected) => {
  expect(conditionHolds(condition, output)).toBe(expected);
});

it("names a pattern that cannot be read", () => {
  expect(() => conditionHolds({ output_matches: "(" }, "x")).toThrow(PermanentFailure);
});

it("fails where an output is too long for its pattern: a branch that is taken by chance would be worse", () => {
  const pattern = { output_matches: "[ab]*a[ab]{400}b" };
  expect(conditionHolds(pattern, "ab")).toBe(false);
  expect(() => conditionHolds(pattern, "ab".repeat(50_000))).toThrow(
    expect.objectContaining({ code: "CONDITION_TOO_LARGE" }),
  );
});
