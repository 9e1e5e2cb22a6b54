// Step 5 for secrets: a Secret reaches only what names it.
import { deny, type Finding } from "../finding.ts";
import type { Subject } from "../request.ts";
import { agentAddress } from "../scope.ts";

export function findSecretUse(subject: Subject, secret: string, grantedBy: string | null): Finding[] {
  if (grantedBy !== null) return [];
  return [
    deny(agentAddress(subject), "SECRET_NOT_GRANTED", "spec", `no manifest gives \`${secret}\` to this call`, "secret"),
  ];
}
