// Step 2: what cannot be read or evaluated denies everything that it might be about.
import type { CompiledPolicy } from "../compiled.ts";
import { deny, type Finding } from "../finding.ts";

/** Also of policies in audit mode: nobody can tell what a policy means that cannot be read. */
export function findPolicyErrors(policies: readonly CompiledPolicy[]): Finding[] {
  return policies.flatMap(({ address, errors }) =>
    errors.map(({ rule, message }) => deny(address, "POLICY_ERROR", rule, message)),
  );
}
