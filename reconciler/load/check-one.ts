// All checks of one manifest against the set that it belongs to.
import type { Problem } from "../../contracts/problem.ts";
import { checkCircle } from "./check-circle.ts";
import { checkPolicyArguments } from "./check-policy-arguments.ts";
import { checkPolicyConditions } from "./check-policy-conditions.ts";
import { checkPolicyPatterns } from "./check-policy-patterns.ts";
import { checkPolicyReach } from "./check-policy-reach.ts";
import { checkReferences } from "./check-references.ts";
import { checkRunOn } from "./check-run-on.ts";
import { checkCycle, checkGraph, checkTemplate } from "./check-set.ts";
import type { Declaration, Declared, Inquiry } from "./declared.ts";

export interface Checked {
  readonly problems: readonly Problem[];
  readonly inquiry: Inquiry;
}

export function checkOne(declaration: Declaration, declared: Declared): Checked {
  const { answer, inquiry } = declared.inquire(() => [
    ...checkReferences(declaration, declared),
    ...(declaration.valid ? checkValid(declaration, declared) : []),
  ]);
  return { problems: answer, inquiry };
}

function checkValid(declaration: Declaration, declared: Declared): Problem[] {
  return [
    ...checkRunOn(declaration),
    ...checkGraph(declaration),
    ...checkTemplate(declaration, declared),
    ...checkPolicyArguments(declaration, declared),
    ...checkPolicyConditions(declaration, declared),
    ...checkPolicyPatterns(declaration, declared),
    ...checkPolicyReach(declaration, declared),
    ...checkCycle(declaration, declared),
    ...checkCircle(declaration, declared),
  ];
}
