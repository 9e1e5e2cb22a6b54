// Runs the PolicyTests of a set against its policies: a case that the gate would answer otherwise is a problem at its line.
import type { Problem } from "../../contracts/problem.ts";
import { type PlaceOf, placesIn } from "../access/place-of.ts";
import { type FailedCase, failedCases } from "../access/policy-test.ts";
import { readAccessModel } from "../plan/access-model.ts";
import type { Candidate } from "./candidate.ts";
import { quote } from "./finding.ts";

const IS_TEST = /^PolicyTest\//;
const IS_POLICY = /^(?:AgentPolicy|AgentRole|ToolPermission)\//;

/** Of a set whose policies are broken nobody can say what it decides: mended first, tested then. */
export function checkPolicyTests(sorted: readonly Candidate[]): Problem[] {
  const tests = sorted.filter(({ address, valid }) => valid && IS_TEST.test(address));
  if (tests.length === 0) return [];
  if (sorted.some(({ address, valid }) => !valid && IS_POLICY.test(address))) return [];
  const model = readAccessModel(sorted.filter(({ valid }) => valid));
  const placeOf = placesIn(sorted);
  return tests.flatMap((test) =>
    failedCases(model, test.manifest).map((failed): Problem => problemOf(test, failed, placeOf)),
  );
}

const REASONS = 5;

function problemOf(test: Candidate, failed: FailedCase, placeOf: PlaceOf): Problem {
  const { index, name, expected, got, reasons } = failed;
  const title = `PolicyTest ${quote(test.manifest.metadata.name)}, ${quote(name)}`;
  const told = reasons.slice(0, REASONS).map(({ policy, rule, message }) => {
    const place = placeOf(policy, rule);
    const where = place === undefined ? "" : ` at ${place.file}:${place.line}:${place.column}`;
    return `${policy} ${rule}${where}: ${message}`;
  });
  const more = reasons.length > REASONS ? [`and ${reasons.length - REASONS} reasons more`] : [];
  return {
    severity: "error",
    code: "POLICY_TEST",
    summary: `${title}: expected ${expected}, got ${got}`,
    detail: [...told, ...more].join("\n"),
    address: test.address,
    ...test.locate(`/spec/cases/${index}/expect`),
  };
}
