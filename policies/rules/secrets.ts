// Step 5 for secrets: a Secret reaches only what names it, and only where every policy that lists Secrets lists it.
import type { CompiledPolicy } from "../compiled.ts";
import { deny, denyBy, type Finding } from "../finding.ts";
import { nameKey } from "../names.ts";
import type { Reach, Subject } from "../request.ts";
import { agentAddress, hasKey } from "../scope.ts";

export function findSecretUse(subject: Subject, secret: string, grantedBy: string | null): Finding[] {
  if (grantedBy !== null) return [];
  return [
    deny(agentAddress(subject), "SECRET_NOT_GRANTED", "spec", `no manifest gives \`${secret}\` to this call`, "secret"),
  ];
}

/** Those that a call uses and that a policy does not grant. */
export function findSecrets(policies: readonly CompiledPolicy[], { secrets = [] }: Reach = {}): Finding[] {
  if (secrets.length === 0) return [];
  return policies.flatMap((policy) => {
    const { allowedSecrets } = policy;
    if (allowedSecrets === null) return [];
    return secrets
      .filter((secret) => !hasKey(allowedSecrets, nameKey(secret)))
      .map((secret) => {
        const message = `the Secret \`${secret}\` is none of those that may be used`;
        return denyBy(policy, "SECRET_NOT_GRANTED", "spec.allowed_secrets", message, "secret");
      });
  });
}
