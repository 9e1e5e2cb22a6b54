// Rules of PolicyTests that no schema can tell.
import type { PolicyTestSpec } from "../../../contracts/kinds/policy-test.ts";
import { DENIAL_CODES } from "../../../policies/request.ts";
import { nearMatch } from "../near-match.ts";
import type { Remarks } from "./remarks.ts";

const CODES: readonly string[] = [...DENIAL_CODES, "ALLOWED"];

export function checkPolicyTest(spec: PolicyTestSpec, remarks: Remarks): void {
  for (const [index, { request, expect }] of spec.cases.entries()) {
    const at = `/cases/${index}`;
    if ((request.tool === undefined) === (request.model === undefined)) {
      remarks.refuse(`${at}/request`, "a request is for a `tool` or for a `model`");
    }
    if (expect.code !== undefined && !CODES.includes(expect.code)) {
      const near = nearMatch(expect.code, CODES);
      const hint = near === undefined ? "`countwheel explain` knows them." : `Did you mean \`${near}\`?`;
      remarks.refuse(`${at}/expect/code`, `\`${expect.code}\` is no code of a decision`, hint);
    }
  }
}
